"""Contextual GAN: a search among pairs of sketch and photograph (Lu, Wu, Tai & Tang, ECCV 2018)."""

"""Building blocks of networks and their training: layers, losses, perceptual backbones. Nothing here knows a system."""

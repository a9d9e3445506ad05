"""The face parser: what every pixel of a photograph of a face shows (ours)."""

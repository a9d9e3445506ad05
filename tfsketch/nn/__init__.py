"""What networks are built of and trained with: layers, losses, perceptual backbones. Nothing here knows a system."""

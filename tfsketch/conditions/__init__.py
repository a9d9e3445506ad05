"""How a photograph becomes conditions (mask, sketch, colour), and how a user's strokes do."""

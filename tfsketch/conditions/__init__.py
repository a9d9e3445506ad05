"""Conditions (mask, sketch, colour) from photographs, and from a user's strokes."""

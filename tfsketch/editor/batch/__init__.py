"""Editing files: one picture, or folders matched by stem."""

"""Other networks for the editor: an export, or one on a server, in place of a Keras model."""

"""Networks of other kinds for the editor: what `tools.export` wrote, or a server serves, in a Keras model's place."""

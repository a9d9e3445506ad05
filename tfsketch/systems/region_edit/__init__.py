"""Region-wise manipulation: the style of one photograph in a region of another."""

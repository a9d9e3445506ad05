"""Cali-Sketch: a poor sketch is redrawn, then painted (Xia, Yang & Xue, arXiv 1911.00426)."""

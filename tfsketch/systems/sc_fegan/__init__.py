"""SC-FEGAN: a hole is repainted by sketch and colour (Jo & Park, ICCV 2019)."""

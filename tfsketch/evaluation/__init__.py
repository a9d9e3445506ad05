"""How good a picture is (`metrics`), and how that is written down (`report`); protocols are the systems' own."""

"""Reading and writing pictures, with the checks of bad input in one place: files, sizes, sheets, faces."""

"""The version of the package, in a module that imports nothing: setup.py and run folders read it."""

__version__ = "0.1.0"

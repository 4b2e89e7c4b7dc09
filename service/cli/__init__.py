"""The commands of `python -m service`: a module each, imported when it is called."""

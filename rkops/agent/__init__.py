"""The part that runs on the board. Standard library only, Python 3.7 and later."""

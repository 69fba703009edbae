"""What ``run.py`` and developers use; never installed. Standard library only."""

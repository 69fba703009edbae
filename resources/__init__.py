"""Files that ship with the program, and the one way to find them."""

from pathlib import Path

FOLDER = Path(__file__).parent

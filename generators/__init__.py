"""The content of vtb: one folder per family of puzzles or physics scenes."""

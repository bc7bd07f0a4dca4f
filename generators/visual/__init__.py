"""Visual puzzles: complete a pattern, fill in a worksheet."""

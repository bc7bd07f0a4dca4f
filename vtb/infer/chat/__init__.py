"""Models that answer in words, behind one protocol."""

"""Mazes: carve a graph, pick two ends, draw it, verify a path."""

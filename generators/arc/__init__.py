"""ARC-AGI-2: infer a rule from pairs of coloured grids."""

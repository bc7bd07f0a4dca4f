"""Wan2.2 video models in their published layout, through diffsynth's own loader."""

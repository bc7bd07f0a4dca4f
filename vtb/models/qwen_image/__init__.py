"""Qwen-Image and Qwen-Image-Edit in their published layout, through diffsynth's own loader."""

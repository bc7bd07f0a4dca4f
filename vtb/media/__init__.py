"""Pixels: pictures, clips, fonts and comparison."""

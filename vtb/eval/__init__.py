"""Scoring predictions, and the statistics and reports of scores."""

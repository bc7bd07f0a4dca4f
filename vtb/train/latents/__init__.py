"""Encoded clips and prompts, kept on disk between runs."""

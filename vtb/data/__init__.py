"""Datasets on disk: build, read, check, compare, export."""

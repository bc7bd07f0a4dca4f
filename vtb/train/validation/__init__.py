"""Measurements on held-out samples while a model trains."""

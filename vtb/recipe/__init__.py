"""Recipes: complete, typed configurations in TOML, each value with its origin."""

"""Qwen3-VL: tiny checkpoints, checks of directories and adapters, loading."""

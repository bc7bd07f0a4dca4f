"""Model families: loading, tiny checkpoints, LoRA files, checks of checkpoint directories."""

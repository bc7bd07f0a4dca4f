"""LoRA of diffusion transformers: files, layers and the tools that work on them."""

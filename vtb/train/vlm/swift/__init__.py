"""Training of vision-language models with ms-swift, which runs as a process of its own."""

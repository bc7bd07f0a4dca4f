"""A forward pass of Qwen-Image that takes batches and compiles; weights are diffsynth's."""

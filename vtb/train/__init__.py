"""Training: planning without torch, the launch of a run, and what happens inside it."""

"""Training whatever it is given: steps, checkpoints, averages, logs, and several processes."""

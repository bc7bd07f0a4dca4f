"""Running things: locks, progress, worker processes, run directories, launching."""

"""The whole loop on a CPU with the mini model that comes with vtb: `vtb demo`."""

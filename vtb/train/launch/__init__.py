"""What the user's process does: checks, plans, starts the training processes and watches them."""

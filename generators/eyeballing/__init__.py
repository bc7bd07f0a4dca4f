"""Eyeballing: judge by eye which marked point completes a geometric construction."""

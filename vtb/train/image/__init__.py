"""Training of image models: `vtb train image`."""

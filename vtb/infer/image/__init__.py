"""`vtb infer image`: running image models on datasets."""

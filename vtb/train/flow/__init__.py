"""Flow matching of a Wan transformer on encoded clips."""

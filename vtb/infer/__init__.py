"""Running models on datasets: one prediction per sample, resumable."""

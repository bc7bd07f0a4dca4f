"""TRL's trainers as a backend."""

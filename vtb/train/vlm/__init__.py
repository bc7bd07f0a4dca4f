"""Training of vision-language models: supervised, and with the puzzles' verifiers as rewards."""

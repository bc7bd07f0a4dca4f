"""Types and contracts everything else stands on: stdlib, numpy and pydantic only."""

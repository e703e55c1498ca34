"""The journal: append-only, checksummed files between relay and recorder. Knows nothing of what the bytes mean."""

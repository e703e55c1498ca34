"""Journal: append-only, checksummed files between relay and recorder. It does not interpret the bytes."""

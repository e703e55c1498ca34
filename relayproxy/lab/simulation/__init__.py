"""Many simulated calls, and what they come to."""

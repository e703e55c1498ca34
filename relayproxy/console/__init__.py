"""Pages, JSON and live tail. Reads the database only."""

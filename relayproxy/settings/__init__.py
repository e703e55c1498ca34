"""Settings: the model, its validators, its tables, where values come from, and what is said about wrong ones.

Knows: flags, environment, TOML.
Must not know: what settings are used for.
"""

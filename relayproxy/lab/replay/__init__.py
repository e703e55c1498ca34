"""Replay: the caller's side of a recorded call, played to another backend at the same moments of the conversation."""

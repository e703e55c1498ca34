"""Relay: the process on the call's path, with handshakes, splice and tape. It does not parse messages."""

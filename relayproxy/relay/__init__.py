"""The process on the call's path: handshakes, splice, tape. Cannot parse a message."""

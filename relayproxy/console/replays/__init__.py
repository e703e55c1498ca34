"""Replays from a call's page: the call is made again to a configured backend, kept as a session and compared.

Knows: who may ask for one, which are under way.
Must not know: how a call is made again; what counts as a difference.
"""

"""Streams of one connection: what is said and pressed, joined over its messages, and the messages that wait meanwhile.

Knows: what goes on from one message to the next, and for how long that is waited for.
Must not know: how a secret is found; how a message is rewritten.
"""

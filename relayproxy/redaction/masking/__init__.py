"""Masking of what stands for itself: strings, JSON in them, the metadata of a message.

Knows: where secrets hide in one value, and how it is written without them.
Must not know: what goes on in other messages.
"""

"""Command line.

Knows: commands, their options, their output for people.
Must not know: how commands are carried out.
"""

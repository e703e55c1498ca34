"""The command line.

Knows: commands, their options, their output for people.
Must not know: how anything is done.
"""

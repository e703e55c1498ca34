"""Detection of secrets in a text: numbers that are announced, card numbers, e-mail addresses; in seven languages.

Knows: what is secret in a text, as it is written and as it is spoken.
Must not know: messages and streams; what becomes of what was found.
"""

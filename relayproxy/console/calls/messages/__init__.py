"""Raw messages of a session: their places, pages of them, and each as a line.

Knows: how recorded messages are read, counted and laid out.
Must not know: what they mean for the conversation.
"""

"""The demo agent: a ConversationRelay backend to try things with."""

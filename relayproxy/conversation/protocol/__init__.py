"""The ConversationRelay protocol: both message sets, their decoding, and what Twilio rejects and how.

Knows: JSON; the fields of each message type.
Must not know: conversations.
"""

"""The ConversationRelay protocol: both message sets, how a message is decoded, and what Twilio accepts.

Knows: JSON, the fields of each message type.
Must not know: conversations.
"""

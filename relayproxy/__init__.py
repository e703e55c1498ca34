"""relayproxy: a transparent recording proxy for Twilio ConversationRelay."""

__version__ = "0.1.0"

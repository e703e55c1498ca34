"""A simulated Twilio: one ConversationRelay call over a real WebSocket."""

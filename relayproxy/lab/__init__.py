"""A simulated Twilio and a demo agent: calls without a phone."""

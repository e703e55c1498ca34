"""Alerts: rules over what is recorded, and the webhooks that tell of them.

Knows: when a rule fires and when that is over, what is told, how a webhook is called.
Must not know: SQL, pages, messages of calls.
"""

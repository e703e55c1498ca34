"""Alerts in the console: the task that measures and tells.

Knows: that it runs where the console runs.
Must not know: rules, webhooks, SQL.
"""

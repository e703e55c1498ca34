"""Alerts in the console: their page and API, silences, and the task that measures and tells.

Knows: what is shown of rules, of alerts and of what was told.
Must not know: SQL; how anything is measured or told.
"""

"""Exported Studio flows: what they say, and what of it would not work with this relay.

From top to bottom: `check` (findings) → `destination` (of URLs), `handoff_reads`, `fields` (of handoffs) → `references`
(what Liquid reads) → `flow` (the JSON).
"""

"""Exported Studio flows: what they say, and what of it would not work with this relay.

From top to bottom: `check` (findings) → `references` (what Liquid reads), `fields` (of handoffs) → `flow` (the JSON).
"""

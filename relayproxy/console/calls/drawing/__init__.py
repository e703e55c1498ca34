"""Drawings of a call: timeline, sparkline, waterfall, silences.

Knows: which times are drawn, and to what scale.
Must not know: pixels, colours; how times were derived.
"""

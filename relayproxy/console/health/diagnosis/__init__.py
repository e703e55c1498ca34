"""Diagnosis: health checks with advice, as pure functions of health facts.

Knows: which facts are of concern, and the remedies in words.
Must not know: how the facts are gathered; HTML.
"""

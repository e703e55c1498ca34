"""Numbers of many calls.

Knows: what is read call by call, and what of numbers that were added up before.
Must not know: percentiles, rates, HTML.
"""

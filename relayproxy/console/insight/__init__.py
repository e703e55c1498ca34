"""Numbers over many calls: summaries, comparisons, charts.

Knows: selections of calls and their statistics.
Must not know: single calls.
"""

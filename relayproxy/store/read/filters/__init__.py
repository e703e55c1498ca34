"""Filters of lists: which sessions meet what is asked, by their columns, their labels and their words.

Knows: fields, and how the database finds them.
Must not know: how people write filters; what a query is for.
"""

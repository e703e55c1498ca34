"""The language of the filter bar: text to criteria and back, editing it, and completing it.

Knows: fields, values, the written form.
Must not know: which page filters.
"""

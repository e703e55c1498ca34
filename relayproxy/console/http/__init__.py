"""What every HTTP handler uses: app context, errors and headers, templates, static files, event streams, forms.

Knows: how the console talks HTTP.
Must not know: what any page is about.
"""

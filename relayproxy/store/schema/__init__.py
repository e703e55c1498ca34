"""Tables, the values that rows become, migrations, and revisions of the schema.

Knows: what is stored and in which version.
Must not know: who writes or asks.
"""

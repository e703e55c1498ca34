"""Runs migrations on the connection that `relayproxy.store.migrate` hands over.

Knows: how Alembic is told about that connection and the tables.
Must not know: URLs, locks.
"""

from alembic import context

from relayproxy.store.schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

"""Runs migrations on the connection that `opening.upgrade` gives, within its transaction."""

from alembic import context

from node.store import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()

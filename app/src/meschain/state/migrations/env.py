"""Alembic's entry to our migrations: runs them on the connection that `state.database` hands over, and on no other."""

from __future__ import annotations

from alembic import context

from meschain.state.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    version_table_pk=False,  # MariaDB warns that it ignores the name of a primary key; the table has one row anyway
    transactional_ddl=False,
)
context.run_migrations()

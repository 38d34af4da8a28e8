"""What lets the suites of Postgres share one database: emptying it, and letting time pass in it."""

from datetime import timedelta
from typing import LiteralString

import psycopg
from psycopg import sql

from tests.contracts.stores import OTHER_STUDIO

# Records are told apart by days and instants that platforms gave: time does not pass in them.
AGEING = (
    "platform_connections",
    "sync_schedules",
    "sync_jobs",
    "sync_log",
    "sync_requests",
    "sync_workers",
    "api_keys",
    "ended_sessions",
    "sealing_keys",
)

_TABLES: LiteralString = (
    "SELECT tablename FROM pg_tables"
    " WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'audit_log')"
    " ORDER BY tablename = 'studios'"
)
_EMPTY_AUDIT_LOG: LiteralString = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM audit_log) THEN
        ALTER TABLE audit_log DISABLE TRIGGER append_only;
        DELETE FROM audit_log;
        ALTER TABLE audit_log ENABLE TRIGGER append_only;
    END IF;
END $$
"""
_INSTANTS: LiteralString = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = ANY (%s) AND data_type = 'timestamp with time zone'
"""


class SharedDatabase:
    """One database for many tests, one after the other."""

    def __init__(self, address: str, owners_address: str) -> None:
        self.address = address
        self.connection = psycopg.connect(owners_address, autocommit=True)
        # Ten times as fast as TRUNCATE where there is next to nothing to delete. What refers to others goes with them.
        self._empty = [
            sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for (name,) in self.connection.execute(_TABLES)
        ]
        columns: dict[str, list[sql.Composed]] = {}
        for table, column in self.connection.execute(_INSTANTS, [list(AGEING)]):
            older = sql.SQL("{0} = {0} - %(by)s").format(sql.Identifier(column))
            columns.setdefault(table, []).append(older)
        self._age = [
            sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table), sql.SQL(", ").join(older))
            for table, older in columns.items()
        ]

    def empty(self) -> None:
        """Nothing is left but two studios."""
        with self.connection.transaction(), self.connection.pipeline():
            for statement in self._empty:
                self.connection.execute(statement)
            self.connection.execute(_EMPTY_AUDIT_LOG)
            self.connection.execute(
                "INSERT INTO studios (id, name) VALUES ('default', 'default'), (%(id)s, %(id)s)", {"id": OTHER_STUDIO}
            )

    def pass_time(self, by: timedelta) -> None:
        """Make everything older."""
        with self.connection.transaction():
            for statement in self._age:
                self.connection.execute(statement, {"by": by})

    def close(self) -> None:
        self.connection.close()

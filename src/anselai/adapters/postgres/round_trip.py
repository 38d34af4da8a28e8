"""Every table's round trip: a row is written, read back and deleted, in one transaction that is rolled back.

The audit log is read only: to write down what nobody did is what it is guarded against.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from psycopg.sql import SQL, Composed, Identifier
from sqlalchemy import ARRAY, Boolean, Column, Date, DateTime, Integer, Numeric, Table, Text, Uuid
from sqlalchemy.types import TypeEngine

from anselai.adapters.postgres.database import Connection, Database, Row
from anselai.adapters.postgres.schema import metadata
from anselai.domain.access import EVERY_STUDIO

# What a type alone does not tell: names, and values that a CHECK allows.
_VALUES: Final = {
    "access_token": "sealed",
    "basis": "daily",
    "catch_up": "latest",
    "currency": "EUR",
    "frequency": "daily",
    "outcome": "succeeded",
    "period": "day",
    "platform": "check",
    "scopes": ["read"],
    "secret_hash": bytes(32),
    "state": "queued",
    "trigger": "manual",
    "unit": "count",
}
# Whose ids nobody may choose, and to draw one would move a sequence: it is read only.
READ_ONLY: Final = frozenset({"audit_log"})
# What nobody may delete from, not even a row of this: it goes with the transaction.
NEVER_DELETED: Final = READ_ONLY | {"sealing_keys"}
_STATUS: Final = {"bookings": "confirmed", "reviews": "published"}


async def round_trip(database: Database, marker: UUID) -> Sequence[str]:
    """The names of the tables that were tried, which are all. `marker` is the id of every row, and in its studio.

    Not even a sequence moves. Raises RuntimeError naming the table that does not give back what it was given,
    StoreUnavailable, and what PostgreSQL refuses.
    """

    async def act(connection: Connection) -> Sequence[str]:
        tables = metadata.sorted_tables
        async with connection.transaction(force_rollback=True):
            for table in tables:
                if table.name in READ_ONLY:
                    await _read(connection, table, marker)
                    await _explain_writing(connection, table, marker)
                else:
                    await _write_and_read(connection, table, marker)
            for table in reversed([each for each in tables if each.name not in NEVER_DELETED]):
                await _delete(connection, table, marker)
        return [table.name for table in tables]

    return await database.act(act, studio=EVERY_STUDIO)


async def _write_and_read(connection: Connection, table: Table, marker: UUID) -> None:
    row = row_of(table, marker)
    insert = SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
        Identifier(table.name),
        SQL(", ").join(map(Identifier, row)),
        SQL(", ").join([SQL("%s")] * len(row)),
    )
    await connection.execute(insert, list(row.values()))
    if await _read(connection, table, marker) != [tuple(row.values())]:
        raise RuntimeError(f"the table {table.name} did not give back the row that was written")


async def _explain_writing(connection: Connection, table: Table, marker: UUID) -> None:
    """Refused where the right is missing, and nothing is written."""
    row = {name: value for name, value in row_of(table, marker).items() if name not in table.primary_key.columns}
    insert = SQL("EXPLAIN INSERT INTO {} ({}) VALUES ({})").format(
        Identifier(table.name), SQL(", ").join(map(Identifier, row)), SQL(", ").join([SQL("%s")] * len(row))
    )
    await connection.execute(insert, list(row.values()))


async def _read(connection: Connection, table: Table, marker: UUID) -> Sequence[Row]:
    select = SQL("SELECT {} FROM {} WHERE {}").format(
        SQL(", ").join(map(Identifier, row_of(table, marker))), Identifier(table.name), _is_row(table)
    )
    return await (await connection.execute(select, _key_of(table, marker))).fetchall()


async def _delete(connection: Connection, table: Table, marker: UUID) -> None:
    delete = SQL("DELETE FROM {} WHERE {}").format(Identifier(table.name), _is_row(table))
    if (await connection.execute(delete, _key_of(table, marker))).rowcount != 1:
        raise RuntimeError(f"the table {table.name} did not delete the row that was written")


def row_of(table: Table, marker: UUID) -> dict[str, Any]:
    """Its key, and a value for each column that must have one."""
    return {
        column.name: _value_of(table, column, marker)
        for column in table.columns
        if column.primary_key or (not column.nullable and column.server_default is None)
    }


def _key_of(table: Table, marker: UUID) -> list[Any]:
    return [_value_of(table, column, marker) for column in table.primary_key.columns]


def _is_row(table: Table) -> Composed:
    return SQL(" AND ").join(SQL("{} = %s").format(Identifier(each.name)) for each in table.primary_key.columns)


def _value_of(table: Table, column: Column[Any], marker: UUID) -> Any:
    if column.name == "studio" or (column is table.columns.get("id") and isinstance(column.type, Text)):
        return f"check-{marker}"
    if column.name == "status":
        return _STATUS.get(table.name, "active")
    if column.name in _VALUES:
        return _VALUES[column.name]
    if column.primary_key and isinstance(column.type, Integer):
        return -(marker.int % 2**62) - 1  # given, so that the table's sequence stays where it is
    return next(value for kind, value in _samples(marker) if isinstance(column.type, kind))


def _samples(marker: UUID) -> tuple[tuple[type[TypeEngine[Any]], Any], ...]:
    return (
        (Uuid, marker),
        (Text, "check"),
        (Boolean, False),
        (DateTime, datetime(2000, 1, 1, tzinfo=UTC)),
        (Date, date(2000, 1, 1)),
        (Integer, 1),
        (Numeric, 1),
        (ARRAY, []),
    )

"""Columns and checks that many tables of records share."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from anselai.adapters.postgres.metadata import INSTANT, NOW

EMPTY = text("'{}'")


def texts(*names: str, nullable: bool = True) -> Iterable[Column[Any]]:
    return (Column(name, Text, nullable=nullable) for name in names)


def bigints(*names: str, nullable: bool = True) -> Iterable[Column[Any]]:
    return (Column(name, BigInteger, nullable=nullable) for name in names)


def instants(*names: str) -> Iterable[Column[Any]]:
    return (Column(name, INSTANT) for name in names)


def record_id() -> Column[Any]:
    return Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()"))


def extra() -> Column[Any]:
    return Column("extra", JSONB, nullable=False, server_default=EMPTY)


def history() -> tuple[Column[Any], ...]:
    """When the platform was read, when the row was first stored, and when a value last really changed."""
    return (
        Column("as_of", INSTANT, nullable=False),
        Column("created_at", INSTANT, nullable=False, server_default=NOW),
        Column("updated_at", INSTANT, nullable=False, server_default=NOW),
    )


def finite(*columns: str) -> CheckConstraint:
    """NaN is a numeric to PostgreSQL, and infects every sum. Infinity is refused by the columns' precision."""
    return CheckConstraint(f"'NaN' NOT IN ({', '.join(columns)})", name="finite")


def iso_currency() -> CheckConstraint:
    return CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency")

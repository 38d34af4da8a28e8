"""The one MetaData of the schema: how constraints are named, and the pieces that many tables share."""

from collections.abc import Iterable

from sqlalchemy import CheckConstraint, Column, DateTime, MetaData, Text, text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

INSTANT = DateTime(timezone=True)
NOW = text("statement_timestamp()")


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """The column holds one of these. Text with a CHECK, because adding a value is then one cheap statement."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def studio_and_platform() -> tuple[Column[str], Column[str]]:
    return Column("studio", Text, nullable=False), Column("platform", Text, nullable=False)

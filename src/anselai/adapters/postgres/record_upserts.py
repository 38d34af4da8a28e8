"""The upserts of the nine kinds of records, written out from the fields of `domain/records.py`.

A record's fields are its table's columns, but for those that name a parent: they become the parent's id. The tests hold
the two against each other.
"""

# ruff: noqa: S608  only names of columns and tables are formatted into a statement, never a value

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from anselai.domain.records import (
    AdCampaign,
    AdMetric,
    Attribution,
    Booking,
    Content,
    ContentMetric,
    Inquiry,
    Metric,
    Record,
    Review,
)

_SQL_TYPES: Final = {
    str: "text",
    int: "bigint",
    bool: "boolean",
    Decimal: "numeric",
    date: "date",
    datetime: "timestamptz",
    tuple: "text[]",
    Mapping: "jsonb",
    Literal: "text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The row that fields of a record name. `id_column` refers to it; a parent that is optional may be missing."""

    table: str
    id_column: str
    named_by: Mapping[str, str]  # the parent's column -> an expression over `given`
    optional: bool = False
    kept: bool = False  # whether the naming fields are columns themselves

    @property
    def name(self) -> str:
        return self.named_by["external_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordKind:
    """How one kind of record is stored. `key` are the fields that tell two records apart."""

    record: type[Any]
    table: str
    key: tuple[str, ...]
    parents: tuple[Parent, ...] = ()
    key_of: Callable[[Any], Any] = field(init=False)
    upsert: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_of", attrgetter(*self.key))
        object.__setattr__(self, "upsert", _upsert(self))

    def newest(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records of this kind, of each thing only its newest reading: an upsert may meet a row only once."""
        newest: dict[Any, Record] = {}
        for record in records:
            if type(record) is self.record:
                key = self.key_of(record)
                known = newest.get(key)
                if known is None or known.as_of <= record.as_of:
                    newest[key] = record
        return list(newest.values())

    def columns(self) -> list[str]:
        """What is written besides the studio and the platform."""
        named = {
            name for parent in self.parents if not parent.kept for name in _fields_in(parent.named_by, self.record)
        }
        own = [each.name for each in fields(self.record) if each.name not in named]
        return [*own, *(parent.id_column for parent in self.parents)]


def _fields_in(named_by: Mapping[str, str], record: type[Any]) -> set[str]:
    expressions = set(named_by.values())
    return {each.name for each in fields(record) if f"given.{each.name}" in expressions}


def _upsert(kind: RecordKind) -> str:
    """One statement: what it returns are the names of missing parents, and how many rows really changed.

    Rows are written in the order of their keys, so that two syncs of the same things cannot deadlock.
    """
    hints = get_type_hints(kind.record)
    shape = ", ".join(f"{each.name} {_sql_type(hints[each.name])}" for each in fields(kind.record))
    columns = kind.columns()
    values = [name for name in columns if name not in (*kind.key, "as_of")]
    return f"""
WITH given AS (
    SELECT given.*{"".join(f", {parent.id_column}.id AS {parent.id_column}" for parent in kind.parents)}
    FROM json_to_recordset(%(records)s::json) AS given ({shape})
    {"".join(_join(parent) for parent in kind.parents)}
), orphan AS (
    {" UNION ".join(_orphans(parent) for parent in kind.parents if not parent.optional) or "SELECT NULL WHERE false"}
    LIMIT 5
), stored AS (
    INSERT INTO {kind.table} AS stored (studio, platform, {", ".join(columns)})
    SELECT %(studio)s, %(platform)s, {", ".join(columns)}
    FROM given WHERE NOT EXISTS (SELECT FROM orphan) ORDER BY {", ".join(kind.key)}
    ON CONFLICT ON CONSTRAINT uq_{kind.table}_natural_key DO UPDATE SET
        as_of = excluded.as_of, {", ".join(f"{name} = excluded.{name}" for name in values)},
        updated_at = CASE
            WHEN ({", ".join(f"stored.{name}" for name in values)})
                IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in values)})
            THEN statement_timestamp() ELSE stored.updated_at
        END
    WHERE stored.as_of <= excluded.as_of
    RETURNING updated_at = statement_timestamp() AS changed
)
SELECT ARRAY(SELECT * FROM orphan), (SELECT count(*) FROM stored WHERE changed)
"""


def _join(parent: Parent) -> str:
    name = parent.id_column
    conditions = "".join(f" AND {name}.{column} = {value}" for column, value in parent.named_by.items())
    return f"LEFT JOIN {parent.table} AS {name} ON {name}.studio = %(studio)s{conditions}\n    "


def _orphans(parent: Parent) -> str:
    return f"SELECT {parent.name} FROM given WHERE {parent.name} IS NOT NULL AND {parent.id_column} IS NULL"


def _sql_type(hint: Any) -> str:
    if get_origin(hint) is UnionType:
        [hint] = (each for each in get_args(hint) if each is not NoneType)
    return _SQL_TYPES[get_origin(hint) or hint]


_INQUIRY: Final = Parent(
    table="inquiries",
    id_column="inquiry_id",
    named_by={"source_system": "given.inquiry_source_system", "external_id": "given.inquiry_external_id"},
)

# Parents come before those that name them.
RECORD_KINDS: Final = (
    RecordKind(record=Content, table="content", key=("external_id",)),
    RecordKind(record=AdCampaign, table="ad_campaigns", key=("account_id", "external_id")),
    RecordKind(record=Inquiry, table="inquiries", key=("source_system", "external_id")),
    RecordKind(record=Metric, table="metrics", key=("account_id", "metric", "period", "metric_date", "dimension")),
    RecordKind(
        record=ContentMetric,
        table="content_metrics",
        key=("content_external_id", "metric_date", "basis"),
        parents=(
            Parent(
                table="content",
                id_column="content_id",
                named_by={"platform": "%(platform)s", "external_id": "given.content_external_id"},
            ),
        ),
    ),
    RecordKind(
        record=AdMetric,
        table="ad_metrics",
        key=("account_id", "campaign_external_id", "metric_date", "attribution"),
        parents=(
            Parent(
                table="ad_campaigns",
                id_column="ad_campaign_id",
                named_by={
                    "platform": "%(platform)s",
                    "account_id": "given.account_id",
                    "external_id": "given.campaign_external_id",
                },
            ),
        ),
    ),
    RecordKind(record=Review, table="reviews", key=("source", "external_id")),
    RecordKind(record=Booking, table="bookings", key=("source_system", "external_id"), parents=(_INQUIRY,)),
    RecordKind(
        record=Attribution,
        table="attribution",
        key=("inquiry_source_system", "inquiry_external_id", "touch_seq"),
        parents=(
            _INQUIRY,
            Parent(
                table="ad_campaigns",
                id_column="ad_campaign_id",
                named_by={
                    "platform": "coalesce(given.touch_platform, %(platform)s)",
                    "account_id": "given.campaign_account_id",
                    "external_id": "given.campaign_external_id",
                },
                optional=True,
                kept=True,
            ),
            Parent(
                table="content",
                id_column="content_id",
                named_by={
                    "platform": "coalesce(given.touch_platform, %(platform)s)",
                    "external_id": "given.content_external_id",
                },
                optional=True,
                kept=True,
            ),
        ),
    ),
)

"""The statements are text, so the columns that they name are held against the schema here."""

from dataclasses import fields

import pytest
from sqlalchemy import Table

from anselai.adapters.postgres import connection_rows, job_rows
from anselai.adapters.postgres.record_upserts import RECORD_KINDS, RecordKind
from anselai.adapters.postgres.schema import metadata
from anselai.domain.connection import PlatformConnection
from anselai.domain.records import RECORD_TYPES
from anselai.domain.refreshing import RefreshState
from anselai.domain.sync_job import SyncJob

KEPT_BY_THE_STORE = {"id", "studio", "platform", "created_at", "updated_at"}


def columns_of(table: str) -> set[str]:
    found: Table = metadata.tables[table]
    return {column.name for column in found.columns}


def test_every_kind_of_record_has_a_table() -> None:
    assert {kind.record for kind in RECORD_KINDS} == set(RECORD_TYPES)
    assert len({kind.table for kind in RECORD_KINDS}) == len(RECORD_TYPES)


@pytest.mark.parametrize("kind", RECORD_KINDS, ids=lambda kind: kind.table)
def test_every_field_of_a_record_is_a_column_or_names_a_parent(kind: RecordKind) -> None:
    assert {*kind.columns(), *KEPT_BY_THE_STORE} == columns_of(kind.table)


@pytest.mark.parametrize("kind", RECORD_KINDS, ids=lambda kind: kind.table)
def test_records_are_told_apart_by_their_tables_natural_key(kind: RecordKind) -> None:
    [natural_key] = (each for each in metadata.tables[kind.table].constraints if str(each.name).endswith("natural_key"))
    named = {
        value.removeprefix("given."): parent.id_column
        for parent in kind.parents
        if not parent.optional
        for value in parent.named_by.values()
    }
    key = {named.get(name, name) for name in kind.key}
    assert key == {column.name for column in natural_key.columns} - {"studio", "platform"}  # type: ignore[attr-defined]


def test_connections_and_jobs_are_selected_whole() -> None:
    connection, job = connection_rows.COLUMNS.split(", "), job_rows.COLUMNS.split(", ")
    assert set(connection) <= columns_of("platform_connections")
    assert set(job) <= columns_of("sync_jobs")
    for names, entity in ((connection, PlatformConnection), (job, SyncJob)):
        wanted = {each.name for each in fields(entity)} - {"key", "refresh"} | {"studio", "platform"}
        if entity is PlatformConnection:
            wanted |= {f"refresh_{each.name}" for each in fields(RefreshState)}
        assert set(names) == wanted

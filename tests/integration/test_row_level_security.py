"""Below every statement, PostgreSQL itself shows the role that serves the rows of one studio only."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy import Table

from anselai.adapters.postgres.api_keys import PostgresApiKeys
from anselai.adapters.postgres.connections import PostgresConnections
from anselai.adapters.postgres.database import Database
from anselai.adapters.postgres.round_trip import row_of
from anselai.adapters.postgres.schema import metadata
from anselai.domain.errors import InvalidInput
from anselai.domain.secret import Secret
from tests.samples import some_id

STUDIOS = ("default", "north")
KEYED = [table for table in metadata.sorted_tables if "studio" in table.columns or table.name == "studios"]


@pytest.fixture
def filled(database_url: str, owners_url: str) -> Iterator[psycopg.Connection]:
    """A session of the role that serves, over a row of each table for each studio."""
    with psycopg.connect(owners_url, autocommit=True) as owner:
        owner.execute("INSERT INTO studios (id, name) VALUES ('north', 'north')")
        for studio in STUDIOS:
            marker = some_id()
            for table in KEYED:
                if table.name != "studios":
                    insert(owner, table, row_of(table, marker) | {"studio": studio})
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def insert(connection: psycopg.Connection, table: Table, row: dict[str, object]) -> None:
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
            sql.Identifier(table.name),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join([sql.SQL("%s")] * len(row)),
        ),
        list(row.values()),
    )


def show(connection: psycopg.Connection, studio: str) -> None:
    connection.execute("SELECT set_config('anselai.studio', %s, false)", [studio])


def studios_in(connection: psycopg.Connection, table: Table) -> set[str]:
    column = sql.Identifier("id" if table.name == "studios" else "studio")
    found = connection.execute(sql.SQL("SELECT {} FROM {}").format(column, sql.Identifier(table.name)))
    return {studio for (studio,) in found}


def test_a_statement_without_any_condition_sees_one_studio(filled: psycopg.Connection) -> None:
    for studio in STUDIOS:
        show(filled, studio)
        assert {table.name: studios_in(filled, table) for table in KEYED} == {table.name: {studio} for table in KEYED}


def test_who_names_no_studio_sees_nothing(filled: psycopg.Connection) -> None:
    before_any = {table.name: studios_in(filled, table) for table in KEYED}
    show(filled, "")
    assert before_any == {table.name: studios_in(filled, table) for table in KEYED} == {t.name: set() for t in KEYED}


def test_who_works_for_all_sees_all(filled: psycopg.Connection) -> None:
    show(filled, "*")
    assert all(studios_in(filled, table) == set(STUDIOS) for table in KEYED)


@pytest.mark.parametrize("table", [table for table in KEYED if table.name != "studios"], ids=lambda table: table.name)
def test_no_row_is_written_for_another_studio(filled: psycopg.Connection, table: Table) -> None:
    show(filled, "default")
    row = {name: value for name, value in row_of(table, some_id()).items() if table.columns[name].identity is None}
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        insert(filled, table, row | {"studio": "north"})


def test_no_row_is_changed_or_removed_for_another_studio(filled: psycopg.Connection) -> None:
    show(filled, "default")
    for statement in (
        "UPDATE platform_connections SET status = 'error' WHERE studio = 'north'",
        "DELETE FROM sync_jobs WHERE studio = 'north'",
        "DELETE FROM studios WHERE id = 'north'",
        "UPDATE api_keys SET revoked_at = now() WHERE studio = 'north'",
    ):
        assert filled.execute(statement).rowcount == 0
    with pytest.raises(errors.InsufficientPrivilege):
        filled.execute("UPDATE platform_connections SET studio = 'north'")


async def test_a_connection_of_the_pool_shows_each_act_its_own_studio(filled: object, database_url: str) -> None:
    async with Database(Secret(database_url), max_connections=1) as database:
        connections, keys = PostgresConnections(database=database), PostgresApiKeys(database=database)
        for _ in range(2):
            for studio in STUDIOS:
                assert [each.key.studio for each in await connections.list(studio)] == [studio]
                assert [each.studio for each in await keys.list(studio)] == [studio]
                assert await database.rows("SELECT DISTINCT studio FROM sync_log", studio=studio) == [(studio,)]
            assert await database.rows("SELECT FROM sync_log") == []


async def test_an_act_that_failed_leaves_nobody_with_the_rows_of_another(filled: object, database_url: str) -> None:
    seen = "SELECT studio FROM platform_connections"
    async with Database(Secret(database_url), max_connections=1) as database:
        assert await database.rows(seen, studio="default") == [("default",)]
        with pytest.raises(InvalidInput):
            await database.rows("SELECT 1 / 0", studio="north")
        assert await database.rows(seen, studio="default") == [("default",)]
        assert await database.rows(seen, studio="north") == [("north",)]
        with pytest.raises(errors.UniqueViolation):
            await database.rows("INSERT INTO platform_connections SELECT * FROM platform_connections", studio="default")
        assert await database.rows(seen, studio="north") == [("north",)]


async def test_the_owner_of_the_tables_sees_all_so_that_a_dump_is_whole(filled: object, owners_url: str) -> None:
    async with Database(Secret(owners_url)) as database:
        await PostgresConnections(database=database).list("default")
        assert len(await database.rows("SELECT FROM platform_connections")) == len(STUDIOS)


def test_every_table_with_a_studio_has_its_policy(owners_url: str) -> None:
    with psycopg.connect(owners_url) as owner:
        guarded = {
            name
            for (name,) in owner.execute(
                "SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid WHERE relrowsecurity"
            )
        }
    assert guarded == {table.name for table in KEYED}

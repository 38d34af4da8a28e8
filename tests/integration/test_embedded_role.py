"""In the embedded database, too, whoever serves is a role that row-level security holds and that owns nothing."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import errors

from anselai.adapters.postgres.embedded import let_serve, start_embedded
from anselai.container import open_container
from anselai.domain.secret import Secret
from anselai.settings import Settings
from tests.integration.processes import Home

ROLE = "anselai_serves"
OTHERS = """
SELECT usename FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
GONE = f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}"


@contextmanager
def owner(home: Home) -> Iterator[psycopg.Connection]:
    server = start_embedded(home.data)
    try:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            yield connection
    finally:
        server.stop()


@contextmanager
def who_serves(home: Home) -> Iterator[psycopg.Connection]:
    with owner(home) as connection, psycopg.connect(connection.info.dsn, user=ROLE, autocommit=True) as serving:
        yield serving


def found(connection: psycopg.Connection, query: str) -> set[Any]:
    return {value for (value,) in connection.execute(query.encode())}


def connect_google_in(home: Home, *studios: str) -> None:
    async def connect() -> None:
        async with open_container(Settings(data_dir=home.data)) as ansel:
            for studio in studios:
                await ansel.connections.save_connection("google", access_token="ya29.canary", studio=studio)

    asyncio.run(connect())


def test_a_statement_without_any_condition_sees_one_studio(home: Home) -> None:
    assert home.run("studios", "add", "north").code == 0
    connect_google_in(home, "default", "north")
    with who_serves(home) as serving:
        for studio in ("default", "north"):
            serving.execute("SELECT set_config('anselai.studio', %s, false)", [studio])
            assert found(serving, "SELECT studio FROM platform_connections") == {studio}
            assert found(serving, "SELECT id FROM studios") == {studio}


async def test_whoever_opens_it_works_as_that_role_and_as_no_other(home: Home) -> None:
    async with open_container(Settings(data_dir=home.data)) as ansel:
        await ansel.health.ping()
        with owner(home) as connection:
            assert found(connection, OTHERS) == {ROLE}


def test_serve_works_as_that_role_and_as_no_other(home: Home) -> None:
    with owner(home) as connection, home.started("serve") as serve:
        serve.ready()
        assert found(connection, OTHERS) == {ROLE}
        assert serve.stop() == 0


def test_the_role_is_no_superuser_and_owns_nothing(home: Home) -> None:
    with who_serves(home) as serving:
        assert found(
            serving,
            "SELECT rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication"
            " FROM pg_roles WHERE rolname = current_user",
        ) == {False}
        assert found(serving, "SELECT FROM pg_auth_members WHERE member = current_user::regrole") == set()
        assert (
            found(serving, "SELECT objid FROM pg_shdepend WHERE refobjid = current_user::regrole AND deptype = 'o'")
            == set()
        )
        for statement in ("DELETE FROM audit_log", "CREATE TABLE mine ()", "DROP TABLE reviews"):
            with pytest.raises(errors.InsufficientPrivilege):
                serving.execute(statement.encode())


def test_a_data_folder_from_before_there_was_the_role_still_opens(home: Home) -> None:
    connect_google_in(home, "default")
    with owner(home) as connection:
        connection.execute(GONE)
    assert [each["platform"] for each in home.json("connections", "list")] == ["google"]
    with who_serves(home) as serving:
        serving.execute("SELECT set_config('anselai.studio', '*', false)")
        assert found(serving, "SELECT platform FROM platform_connections") == {"google"}


def test_a_migration_down_and_up_again_leaves_it_its_rights(home: Home) -> None:
    assert home.run("migrate", "down", "base", "--yes").code == 0
    assert home.run("migrate").code == 0
    with who_serves(home) as serving:
        assert found(serving, "SELECT has_table_privilege('reviews', 'INSERT')") == {True}
    assert home.run("connections", "list").code == 0


def test_rights_of_another_version_are_made_those_of_this_one(home: Home) -> None:
    with owner(home) as connection:
        connection.execute(f"GRANT TRUNCATE ON reviews TO {ROLE}; COMMENT ON ROLE {ROLE} IS 'another version'")
    assert home.run("connections", "list").code == 0
    with who_serves(home) as serving, pytest.raises(errors.InsufficientPrivilege):
        serving.execute("TRUNCATE reviews")


def test_a_start_that_finds_all_in_order_writes_nothing(home: Home) -> None:
    catalogue = "SELECT xmin::text FROM pg_class WHERE relname = 'reviews'"
    with owner(home) as connection:
        before = found(connection, catalogue)
        assert home.run("connections", "list").code == 0
        assert found(connection, catalogue) == before


def test_starts_at_once_make_one_role(home: Home) -> None:
    with owner(home) as connection:
        connection.execute(GONE)
        dsn = Secret(connection.info.dsn)
        with ThreadPoolExecutor(4) as at_once:
            addresses = {each.reveal() for each in at_once.map(let_serve, [dsn] * 4)}
        [address] = addresses
        with psycopg.connect(address) as serving:
            assert serving.info.user == ROLE


def test_a_check_gives_rights_to_nobody(home: Home) -> None:
    with owner(home) as connection:
        connection.execute(GONE)
        assert home.run("check").code == 0
        assert found(connection, f"SELECT FROM pg_roles WHERE rolname = '{ROLE}'") == set()


def test_a_check_is_made_as_that_role_once_it_has_its_rights(home: Home) -> None:
    with owner(home) as connection:
        connection.execute(f"REVOKE INSERT ON reviews FROM {ROLE}")
    done = home.run("check")
    assert done.code == 1
    assert "FAILED  tables" in done.out

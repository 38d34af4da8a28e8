"""`anselai migrate`, on databases that were never migrated."""

from dataclasses import replace

import psycopg
import pytest

from anselai.adapters.postgres.revisions import head, revisions
from tests.integration.processes import Home


@pytest.fixture
def empty(external: Home, empty_database_url: str) -> Home:
    """A home whose database has no schema. Migrating takes no key."""
    return replace(external, settings={"DATABASE_URL": empty_database_url})


def tables(home: Home) -> set[str]:
    with psycopg.connect(home.settings["DATABASE_URL"]) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in found}


def test_two_that_migrate_at_once_are_safe(empty: Home) -> None:
    with empty.started("migrate") as one, empty.started("migrate") as other:
        assert one.process.wait(60) == 0, one.printed
        assert other.process.wait(60) == 0, other.printed
    applied = [line for line in (one.printed + other.printed).splitlines() if line.startswith("Applied")]
    assert len(applied) == len(revisions())
    assert "platform_connections" in tables(empty)


def test_the_check_tells_whether_the_schema_is_current(empty: Home) -> None:
    behind = empty.run("migrate", "--check")
    assert behind.code == 1
    assert "Run: anselai migrate" in behind.err
    assert tables(empty) == set()
    assert empty.run("migrate").code == 0
    current = empty.run("migrate", "--check")
    assert (current.code, current.out) == (0, f"The schema is current: {head()}.\n")


def test_the_sql_alone_makes_the_schema_and_connects_to_nothing(empty: Home) -> None:
    printed = empty.run("migrate", "--sql", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert printed.code == 0, printed.err
    with psycopg.connect(empty.settings["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(printed.out.encode())
    assert empty.run("migrate", "--check").code == 0
    assert empty.run("migrate", "--sql", "--since", head()).out.strip() == ""
    assert empty.run("migrate", "--sql", "--since", "nonsense").code == 2


def test_down_asks_first_and_undoes_one_or_all(empty: Home) -> None:
    assert empty.run("migrate").code == 0
    assert empty.run("migrate", "down", given="n\n").code == 1
    assert empty.run("migrate", "--check").code == 0
    one = empty.run("migrate", "down", "--yes")
    assert f"The schema is at {revisions()[-2]}." in one.out
    assert empty.run("migrate", "down", "nonsense").code == 2
    assert empty.run("migrate", "down", "base", "--yes").code == 0
    assert tables(empty) == {"alembic_version"}
    assert "nothing to undo" in empty.run("migrate", "down").out


def test_a_schema_of_a_newer_version_is_left_alone(empty: Home) -> None:
    assert empty.run("migrate").code == 0
    with psycopg.connect(empty.settings["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_later'")
    for command in (("migrate",), ("migrate", "--check"), ("migrate", "down", "--yes")):
        done = empty.run(*command)
        assert done.code == 1
        assert done.err.startswith("Error [SCHEMA_UNKNOWN]")

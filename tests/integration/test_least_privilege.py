"""The role that serves may do what statements of this version do, and nothing else. All other tests run as it."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict

from anselai.adapters import postgres
from anselai.adapters.postgres.grants import RIGHTS, grants
from anselai.adapters.postgres.record_upserts import RECORD_KINDS
from anselai.adapters.postgres.round_trip import NEVER_DELETED
from anselai.adapters.postgres.schema import metadata
from anselai.adapters.postgres.studios import STUDIOS_OWN
from tests.integration.processes import Home

TABLES = {table.name for table in metadata.tables.values()}


@pytest.fixture
def serving(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT set_config('anselai.studio', '*', false)")
        yield connection


def written() -> str:
    """All the SQL of the adapters."""
    modules = [each.name for each in pkgutil.iter_modules(postgres.__path__) if not each.ispkg]
    constants = [
        value
        for module in modules
        for value in vars(importlib.import_module(f"{postgres.__name__}.{module}")).values()
        if isinstance(value, str)
    ]
    return ";\n".join([*constants, *(kind.upsert for kind in RECORD_KINDS)])


def test_every_table_has_its_rights() -> None:
    assert set(RIGHTS) == TABLES | {"alembic_version"}


def test_every_right_is_used() -> None:
    text = written()
    for table in TABLES:
        rights = set(re.findall(r"SELECT|INSERT|UPDATE|DELETE", RIGHTS[table]))
        used = {"SELECT", "INSERT"}  # `anselai check` tries a row of each table, and deletes it where that may be
        if re.search(rf"UPDATE {table}\b|FROM {table}\b[^;]*?FOR (NO KEY )?UPDATE", text) or re.search(
            rf"INSERT INTO {table}\b(?:(?!INSERT INTO)[^;])*?DO UPDATE", text
        ):
            used.add("UPDATE")
        if table not in NEVER_DELETED:
            used.add("DELETE")
        assert rights == used, table


def test_what_is_never_deleted_is_deleted_nowhere() -> None:
    for table in NEVER_DELETED:
        assert f"DELETE FROM {table}" not in written()  # noqa: S608  looked for, not run
        assert table not in STUDIOS_OWN


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "ALTER TABLE platform_connections ADD COLUMN mine text",
        "DROP TABLE reviews",
        "TRUNCATE sync_log",
        "CREATE INDEX ON sync_log (message)",
        "ALTER TABLE platform_connections DISABLE ROW LEVEL SECURITY",
        "DROP POLICY of_studio ON platform_connections",
        "ALTER TABLE audit_log DISABLE TRIGGER append_only",
        "DELETE FROM audit_log",
        "UPDATE audit_log SET actor = 'nobody'",
        "TRUNCATE audit_log",
        "UPDATE alembic_version SET version_num = ''",
        "INSERT INTO audit_log (studio, actor, action, at) VALUES ('default', 'me', 'signed.in', now())",
        "INSERT INTO audit_log (id, studio, actor, action) OVERRIDING SYSTEM VALUE VALUES (1, 'default', 'me', 'x')",
        "UPDATE api_keys SET secret_hash = secret_hash",
        "UPDATE api_keys SET scopes = ARRAY['admin']",
        "UPDATE api_keys SET studio = 'default'",
        "UPDATE sync_log SET message = ''",
        "DELETE FROM sealing_keys",
        "UPDATE studios SET id = 'other'",
        "SET ROLE pg_read_all_data",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY studios TO PROGRAM 'true'",
        "CREATE ROLE mine",
    ],
)
def test_it_may_not(serving: psycopg.Connection, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        serving.execute(statement.encode())


def test_the_audit_log_is_append_only_for_its_owner_too(owners_url: str) -> None:
    with psycopg.connect(owners_url, autocommit=True) as owner:
        owner.execute("INSERT INTO audit_log (studio, actor, action) VALUES ('default', 'somebody', 'key.created')")
        for statement in ("DELETE FROM audit_log", "UPDATE audit_log SET actor = 'nobody'", "TRUNCATE audit_log"):
            with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
                owner.execute(statement)


def test_a_revoked_key_stays_revoked(serving: psycopg.Connection) -> None:
    serving.execute(
        "INSERT INTO api_keys (id, studio, name, secret_hash, scopes)"
        " VALUES (gen_random_uuid(), 'default', 'laptop', sha256(''), ARRAY['read'])"
    )
    serving.execute("UPDATE api_keys SET revoked_at = now(), last_used_at = now()")
    with pytest.raises(errors.InsufficientPrivilege, match="stays revoked"):
        serving.execute("UPDATE api_keys SET revoked_at = NULL")


def test_what_is_added_column_by_column_is_what_a_statement_adds() -> None:
    for table, rights in RIGHTS.items():
        columns = re.search(r"INSERT \(([^)]+)\)", rights)
        if columns is not None:
            added = re.findall(rf"INSERT INTO {table} \(([^)]+)\)", written())
            assert set(added) == {columns[1]}, table


def test_the_grants_take_away_what_a_role_had_before(owners_url: str, serving: psycopg.Connection) -> None:
    role = serving.info.user
    with psycopg.connect(owners_url, autocommit=True) as owner:
        owner.execute(sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}").format(sql.Identifier(role)))
        owner.execute(grants(role).encode())
    for statement in ("DELETE FROM audit_log", "TRUNCATE reviews", "UPDATE api_keys SET name = 'mine'"):
        with pytest.raises(errors.InsufficientPrivilege):
            serving.execute(statement)


def test_the_command_prints_the_grants_and_connects_to_nothing(empty_home: Home) -> None:
    printed = empty_home.run("migrate", "--grants", 'odd"role', DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert printed.code == 0
    assert printed.out == "BEGIN;\n" + grants('odd"role') + "COMMIT;\n"
    assert 'TO "odd""role";' in printed.out
    assert empty_home.run("migrate", "--grants", "role", "--check").code == 2


@pytest.mark.parametrize("command", ["serve", "scheduler", "connections list", "migrate --check"])
def test_before_the_grants_a_command_says_in_one_line_what_is_missing(
    external: Home, owners_url: str, command: str
) -> None:
    role = conninfo_to_dict(external.settings["DATABASE_URL"])["user"]
    with psycopg.connect(owners_url, autocommit=True) as owner:
        owner.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(sql.Identifier(str(role))))
    refused = external.run(*command.split())
    assert refused.code == 1
    [told] = refused.err.splitlines()
    assert told.startswith("Error [RIGHTS_MISSING]: ")
    assert "permission denied for table alembic_version" in told
    assert "anselai migrate --grants ROLE" in told
    checked = external.run("check")
    assert checked.code == 1
    assert "[RIGHTS_MISSING]" in next(line for line in checked.out.splitlines() if line.startswith("FAILED"))


def test_a_start_says_so_where_the_rights_of_one_new_table_are_missing(external: Home, owners_url: str) -> None:
    role = sql.Identifier(str(conninfo_to_dict(external.settings["DATABASE_URL"])["user"]))
    with psycopg.connect(owners_url, autocommit=True) as owner:
        owner.execute(sql.SQL("REVOKE ALL ON ended_sessions FROM {}").format(role))
    refused = external.run("serve")
    assert refused.code == 1
    [told] = refused.err.splitlines()
    assert told.startswith("Error [RIGHTS_MISSING]: ")
    assert "permission denied for table ended_sessions" in told


def test_a_check_says_so_where_the_audit_log_cannot_be_written(external: Home, owners_url: str) -> None:
    role = sql.Identifier(str(conninfo_to_dict(external.settings["DATABASE_URL"])["user"]))
    with psycopg.connect(owners_url, autocommit=True) as owner:
        owner.execute(sql.SQL("REVOKE INSERT ON audit_log FROM {}").format(role))
    checked = external.run("check")
    assert checked.code == 1
    told = next(line for line in checked.out.splitlines() if line.startswith("FAILED"))
    assert "permission denied for table audit_log" in told


def test_whoever_serves_and_migrates_is_told_in_one_line_who_does_that(
    external: Home, database_url: str, empty_database_url: str
) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as owner:
        owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # as it is from PostgreSQL 15 on
    empty = conninfo_to_dict(empty_database_url)["dbname"]
    url = "postgresql://?" + urlencode({**conninfo_to_dict(database_url), "dbname": empty})
    done = external.run("migrate", DATABASE_URL=url)
    assert done.code == 1
    [told] = done.err.splitlines()
    assert told.startswith("Error [RIGHTS_MISSING]: ")
    assert "anselai migrate as the role that owns the tables" in told


def test_whoever_does_not_own_the_tables_cannot_undo_a_migration(external: Home) -> None:
    done = external.run("migrate", "down", "--yes")
    assert done.code == 1
    assert "Error [RIGHTS_MISSING]: " in done.err
    assert external.run("migrate", "--check").code == 0

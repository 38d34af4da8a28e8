"""Studios, keys and the audit log on the command line, over one database."""

import getpass
import re
import socket

import psycopg
import pytest

from tests.integration.processes import Home

KEY = re.compile(r"ansel_[0-9a-f]{32}_[A-Za-z0-9_-]{43}")
CANARY = "ya29.a-canary-that-must-not-sing"


def connect(home: Home) -> None:
    (home.folder / "token.txt").write_text(CANARY)
    home.json("connections", "add", "google", "--access-token-file", "token.txt")


def test_a_key_is_printed_once_and_alone_on_standard_output(external: Home) -> None:
    made = external.run("keys", "api", "create", "laptop")
    assert made.code == 0, made.err
    assert KEY.fullmatch(made.out.strip())
    assert "not shown again" in made.err
    [listed] = external.json("keys", "api", "list")
    assert (listed["name"], listed["scopes"], listed["state"]) == ("laptop", ["write"], "active")
    assert "laptop" in external.run("keys", "api", "list").out
    everything = "".join(
        external.run(*command).out
        for command in (["keys", "api", "list"], ["keys", "api", "list", "--json"], ["audit"])
    )
    assert made.out.strip().split("_", 2)[2] not in everything


def test_a_key_is_made_with_scopes_and_an_expiry_and_revoked(external: Home) -> None:
    made = external.json(
        *("keys", "api", "create", "report", "--scope", "read", "--expires-at", "2040-01-31T13:00:00+01:00")
    )
    assert KEY.fullmatch(made["key"])
    assert made["details"]["expiresAt"] == "2040-01-31T12:00:00Z"
    key_id = made["details"]["id"]
    assert external.json("keys", "api", "revoke", key_id)["state"] == "revoked"
    assert "revoked" in external.run("keys", "api", "list").out


def test_what_cannot_be_is_refused_with_its_code(external: Home) -> None:
    nowhere = "00000000-0000-7000-8000-000000000000"
    for arguments, code in (
        (["keys", "api", "create", "laptop", "--studio", "nobody"], "STUDIO_NOT_FOUND"),
        (["keys", "api", "create", "laptop", "--expires-at", "2000-01-01T00:00:00Z"], "VALIDATION_ERROR"),
        (["keys", "api", "revoke", nowhere], "API_KEY_NOT_FOUND"),
        (["studios", "add", "No Studio"], "VALIDATION_ERROR"),
        (["studios", "add", "default"], "STUDIO_EXISTS"),
        (["studios", "remove", "nobody", "--yes"], "STUDIO_NOT_FOUND"),
        (["studios", "remove", "default", "--yes"], "VALIDATION_ERROR"),
    ):
        done = external.run(*arguments)
        assert (done.code, code in done.err) == (1, True), (arguments, done.err)
    assert external.run("keys", "api", "create", "laptop", "--scope", "root").code == 2


def test_a_studio_is_added_listed_given_a_key_and_removed(external: Home) -> None:
    assert "keys api create NAME --studio north" in external.run("studios", "add", "north", "--name", "Studio Nord").out
    assert [each["id"] for each in external.json("studios", "list")] == ["default", "north"]
    assert "Studio Nord" in external.run("studios", "list").out
    assert "keys api create NAME --studio north" in external.run("keys", "api", "list", "--studio", "north").out
    external.json("keys", "api", "create", "laptop", "--studio", "north")
    assert len(external.json("keys", "api", "list", "--studio", "north")) == 1
    assert external.json("keys", "api", "list") == []
    assert external.run("studios", "remove", "north", given="n\n").code == 1
    assert external.json("studios", "remove", "north", "--yes") == {"removed": True}
    assert [each["id"] for each in external.json("studios", "list")] == ["default"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["audit", "--studio", "nobody"], "STUDIO_NOT_FOUND"),
        (["keys", "api", "list", "--studio", "nobody"], "STUDIO_NOT_FOUND"),
        (["studios", "remove", "default"], "VALIDATION_ERROR"),
        (["studios", "remove", "nobody"], "STUDIO_NOT_FOUND"),
        (["studios", "remove", "north"], "STUDIO_IN_USE"),
        (["connections", "remove", "google"], "CONNECTION_NOT_FOUND"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked_or_told(
    external: Home, owners_url: str, arguments: list[str], code: str
) -> None:
    external.run("studios", "add", "north")
    connect(external)
    with psycopg.connect(owners_url, autocommit=True) as connection:
        connection.execute("DELETE FROM sync_schedules")
        connection.execute("UPDATE platform_connections SET studio = 'north'")
    done = external.run(*arguments, given="y\n")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"Error [{code}]: ")


@pytest.mark.parametrize(
    "arguments", [["studios", "remove", "north"], ["connections", "remove", "google"], ["migrate", "down"]]
)
def test_where_nobody_can_answer_a_question_names_the_option_that_does(external: Home, arguments: list[str]) -> None:
    external.run("studios", "add", "north")
    connect(external)
    done = external.run(*arguments)
    assert done.code == 2
    assert "--yes" in done.err
    assert [each["id"] for each in external.json("studios", "list")] == ["default", "north"]


def test_a_connection_whose_platform_was_uninstalled_is_asked_about_and_forgotten(
    external: Home, owners_url: str
) -> None:
    connect(external)
    with psycopg.connect(owners_url, autocommit=True) as connection:
        connection.execute("DELETE FROM sync_schedules")
        connection.execute("UPDATE platform_connections SET platform = 'flickr'")
    done = external.run("connections", "remove", "flickr", given="y\n")
    assert "Forget the flickr connection" in done.err
    assert (done.code, done.out) == (0, "flickr is no longer connected.\n")


def test_the_audit_log_tells_who_did_what_and_no_secret(external: Home) -> None:
    assert external.run("audit").out == "Nothing was done yet.\n"
    connect(external)
    external.json("sync", "schedule", "google", "daily", "--cron", "30 6 * * *")
    external.run("connections", "remove", "google", "--yes")
    page = external.json("audit")
    assert [(each["action"], each["subject"]) for each in page["entries"]] == [
        ("connection.removed", "google"),
        ("schedule.changed", "google/daily"),
        ("connection.saved", "google"),
    ]
    assert {each["actor"] for each in page["entries"]} == {f"cli {getpass.getuser()}@{socket.gethostname()}"}
    shown = external.run("audit").out
    assert "connection.saved" in shown
    assert CANARY not in shown
    assert "Studio" not in shown


def test_the_audit_log_is_read_by_page_and_by_studio(external: Home) -> None:
    external.run("studios", "add", "north")
    external.run("studios", "add", "south")
    first = external.json("audit", "--limit", "1")
    assert [each["studio"] for each in first["entries"]] == ["south"]
    second = external.json("audit", "--limit", "1", "--cursor", first["nextCursor"])
    assert [each["studio"] for each in second["entries"]] == ["north"]
    assert second["nextCursor"] is None
    assert [each["action"] for each in external.json("audit", "--studio", "north")["entries"]] == ["studio.added"]
    assert "Older ones: anselai audit --cursor" in external.run("audit", "--limit", "1").err
    assert external.run("audit", "--cursor", "?").code == 1

"""The commands for people who live in a terminal, as real processes over one database."""

import base64
import os
import pty
import re
import select
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from tests.integration.processes import COMMAND, PATIENCE, Home

CANARY = "ya29.a-canary-that-must-not-sing"
REFRESH = "1//another-canary"


@pytest.fixture
def connected(external: Home) -> Home:
    """A home where google is connected."""
    (external.folder / "refresh.txt").write_text(f"{REFRESH}\n")
    external.json(
        *("connections", "add", "google", "--access-token-file", "-", "--refresh-token-file", "refresh.txt"),
        *("--account-id", "photos", "--expires-at", "2040-01-31T13:00:00+01:00", "--scope", "a", "--scope", "b"),
        given=f"{CANARY}\n",
    )
    return external


def typed(home: Home, arguments: list[str], answers: list[str]) -> str:
    """Run a command in a terminal, type an answer whenever it asks, and return what the terminal showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=home.folder, env=home.environment(), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown, to_type = b"", iter(answers)
    for chunk in chunks(ours):
        for _ in range(chunk.count(b": ")):
            os.write(ours, next(to_type).encode() + b"\n")
        shown += chunk
    os.close(ours)
    assert process.wait(PATIENCE) == 0, shown.decode()
    return shown.decode()


def chunks(terminal: int) -> Iterator[bytes]:
    while select.select([terminal], [], [], PATIENCE)[0]:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            return
        if not chunk:
            return
        yield chunk


def test_a_connection_is_added_shown_and_listed(connected: Home) -> None:
    shown = connected.json("connections", "show", "google")
    assert shown["accountId"] == "photos"
    assert shown["tokenExpiresAt"] == "2040-01-31T12:00:00Z"
    assert shown["scopes"] == ["a", "b"]
    assert shown["hasRefreshToken"] is True
    assert connected.json("connections", "list") == [shown]
    table = connected.run("connections", "list").out
    assert "photos" in table
    assert "2040-01-31 12:00:00Z" in table


def test_json_is_what_the_api_answers(connected: Home) -> None:
    with connected.started("serve", "--no-scheduler") as serve:
        serve.ready()
        for command, path in (
            (("connections", "list"), "/api/connections"),
            (("connections", "show", "google"), "/api/connections/google"),
            (("platforms",), "/api/platforms"),
            (("sync", "status"), "/api/sync/status"),
            (("sync", "log"), "/api/sync/log"),
        ):
            assert connected.json(*command) == serve.call("GET", path)
        assert serve.stop() == 0


def test_no_token_is_ever_printed(connected: Home) -> None:
    for command in (
        ("connections", "list"),
        ("connections", "show", "google"),
        ("connections", "test", "google"),
        ("connections", "refresh", "google"),
        ("sync", "run", "google"),
        ("sync", "status"),
        ("sync", "log"),
        ("sync", "explain", "google"),
        ("sync", "pause", "google"),
        ("sync", "resume", "google"),
        ("sync", "cancel", "google"),
        ("platforms",),
        ("check",),
    ):
        for form in ((), ("--json",)) if command != ("check",) else ((),):
            done = connected.run(*command, *form, ANSELAI_LOG_LEVEL="DEBUG")
            assert done.code == 0, done.err
            assert CANARY not in done.out + done.err
            assert REFRESH not in done.out + done.err


def test_tokens_that_are_typed_are_not_shown(external: Home) -> None:
    shown = typed(external, ["connections", "add", "meta"], [CANARY, REFRESH])
    assert "Access token" in shown
    assert CANARY not in shown
    assert REFRESH not in shown
    assert external.json("connections", "test", "meta")["ok"] is True


def test_a_table_in_a_narrow_terminal_cuts_nothing_and_leaves_an_id_whole(external: Home) -> None:
    made = external.json("keys", "api", "create", "report", "--expires-at", "2040-01-31T12:00:00Z")["details"]["id"]
    coloured = typed(external, ["keys", "api", "list"], [])  # in a terminal that tells no size, which has 80 columns
    shown = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert made in shown
    assert "…" not in shown


def test_a_table_in_a_pipe_has_ids_and_actions_whole(external: Home) -> None:
    made = external.json("keys", "api", "create", "report", "--expires-at", "2040-01-31T12:00:00Z")["details"]["id"]
    external.run("studios", "add", "a-studio-of-a-name-as-long-as-there-may-be")
    shown = external.run("audit").out
    assert {made, "key.created", "a-studio-of-a-name-as-long-as-there-may-be"} <= set(shown.split())
    assert "…" not in shown


def test_without_a_terminal_a_token_must_come_from_a_file(external: Home) -> None:
    done = external.run("connections", "add", "meta")
    assert done.code == 2
    assert "--access-token-file" in done.err


def test_there_is_no_option_for_a_token_itself(external: Home) -> None:
    for command in ("add", "update"):
        options = external.run("connections", command, "--help").out
        assert "--access-token-file" in options
        assert "--access-token " not in options


def test_an_update_changes_what_is_given_alone(connected: Home) -> None:
    before = connected.json("connections", "show", "google")
    after = connected.json("connections", "update", "google", "--account-id", "films", "--forget-refresh-token")
    assert after == {**before, "accountId": "films", "hasRefreshToken": False, "updatedAt": after["updatedAt"]}
    assert connected.run("connections", "update", "google").code == 2


def test_a_failed_test_exits_with_1_and_says_why(connected: Home) -> None:
    connected.json("connections", "update", "google", "--expires-at", "2020-01-01T00:00:00Z")
    done = connected.run("connections", "test", "google")
    assert done.code == 1
    assert "expired on 2020-01-01" in done.out


def test_a_removed_connection_is_gone(connected: Home) -> None:
    assert connected.run("connections", "remove", "google", given="n\n").code == 1
    assert connected.json("connections", "remove", "google", "--yes") == {"removed": True}
    assert "Connect a platform" in connected.run("connections", "list").out


def test_a_schedule_is_changed_paused_and_told(connected: Home) -> None:
    view = connected.json("sync", "schedule", "google", "daily", "--cron", "30 6 * * *", "--timezone", "Europe/Berlin")
    assert (view["cron"], view["timezone"], view["enabled"]) == ("30 6 * * *", "Europe/Berlin", True)
    told = connected.json("sync", "next", "google", "--frequency", "daily")
    assert told == {"platform": "google", "frequency": "daily", "nextRunAt": view["nextRunAt"]}
    assert connected.json("sync", "schedule", "google", "daily", "--off")["nextRunAt"] is None
    assert "paused" in connected.run("sync", "status").out
    assert connected.run("sync", "next", "google", "--frequency", "daily").out.startswith("No such schedule")


def test_the_status_tells_how_full_the_queue_is_and_who_is_at_work(connected: Home, owners_url: str) -> None:
    connected.run("sync", "run", "google")
    with psycopg.connect(owners_url, autocommit=True) as connection:
        connection.execute("INSERT INTO sync_workers (id, host, pid) VALUES (gen_random_uuid(), 'darkroom', 4711)")
        told = connected.run("sync", "status").out
        assert re.search(r"Queued: 1 \(1 due, the oldest since \S+ \S+Z\)\. Running: 0\. Stalled: 0\.", told)
        assert re.search(r"Schedulers: darkroom \(process 4711, last beat \S+ \S+Z\)\.", told)
        connection.execute("UPDATE sync_jobs SET state = 'running', lease_expires_at = now()")
        assert "Queued: 0 (0 due). Running: 0. Stalled: 1." in connected.run("sync", "status").out


def test_a_sync_is_queued_once_and_a_missing_scheduler_is_told(connected: Home) -> None:
    job = connected.json("sync", "run", "google", "--frequency", "weekly")
    assert (job["state"], job["deduplicated"]) == ("queued", False)
    again = connected.run("sync", "run", "google")
    assert "already" in again.out
    assert job["id"] in again.out
    assert "No scheduler is running" in again.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("connections", "show", "google"), "CONNECTION_NOT_FOUND"),
        (("connections", "show", "flickr"), "UNKNOWN_PLATFORM"),
        (("sync", "run", "google"), "CONNECTION_NOT_FOUND"),
        (("sync", "log", "--cursor", "nonsense"), "VALIDATION_ERROR"),
    ],
)
def test_a_refusal_is_a_sentence_with_its_code(external: Home, arguments: tuple[str, ...], code: str) -> None:
    done = external.run(*arguments)
    assert done.code == 1
    assert done.out == ""
    assert done.err.startswith(f"Error [{code}]: ")
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("conections",), "Did you mean 'connections'?"),
        (("connections", "lst"), "Did you mean 'list'?"),
        (("sync", "log", "--outcome", "fine"), "Invalid value for '--outcome'"),
        (("connections", "add", "google", "--expires-at", "tomorrow"), "must be a time with its zone"),
    ],
)
def test_wrong_usage_exits_with_2_and_helps(empty_home: Home, arguments: tuple[str, ...], told: str) -> None:
    done = empty_home.run(*arguments)
    assert done.code == 2
    assert told in done.err


@pytest.mark.parametrize("group", [(), ("connections",), ("sync",), ("keys",), ("keys", "api"), ("studios",)])
def test_a_group_of_commands_without_one_of_them_explains_itself(empty_home: Home, group: tuple[str, ...]) -> None:
    done = empty_home.run(*group)
    assert done.code == 2
    assert done.err == empty_home.run(*group, "--help").out


def test_wrong_settings_are_told_without_a_traceback(empty_home: Home) -> None:
    done = empty_home.run("serve", ANSELAI_PORT="many")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error [INVALID_SETTINGS]: ANSELAI_PORT must be a number")


def test_every_command_explains_itself_and_the_version_is_told(empty_home: Home) -> None:
    commands = ("serve", "scheduler", "migrate", "check", "connections", "sync", "platforms", "keys")
    overview = empty_home.run("--help").out
    assert all(f"  {each} " in overview for each in commands)
    assert empty_home.run("--version").out.startswith("anselai ")
    assert not empty_home.data.exists()


def test_a_generated_key_is_good_and_the_one_in_use_is_never_shown(external: Home) -> None:
    key = external.run("keys", "generate").out
    assert len(base64.b64decode(key)) == 32
    shown = external.run("keys", "status", ENCRYPTION_KEY=key)
    assert "ENCRYPTION_KEY" in shown.out
    assert key.strip() not in shown.out
    [other] = external.json("keys", "status")
    assert other["role"] == "primary"
    assert other["id"] not in shown.out


def test_where_nothing_was_started_there_is_no_key_to_show(empty_home: Home) -> None:
    done = empty_home.run("keys", "status")
    assert done.code == 1
    assert "There is no key yet" in done.err
    assert not empty_home.data.exists()


def test_a_name_that_is_no_text_is_refused_in_a_sentence(external: Home) -> None:
    done = external.run("sync", "log", "--platform", os.fsdecode(b"\xff"))
    assert done.code == 1
    assert done.err.startswith("Error [VALIDATION_ERROR]: ")
    assert len(done.err.splitlines()) == 1

"""Known secrets go through every command and through processes that fail, and are heard nowhere.

The routes, the log and the database are listened to in test_canaries.py.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest

from anselai.entrypoints.cli import main
from tests.canaries import ACCESS, API_KEY, CLIENT_SECRET, ENCRYPTION_KEY, OLD_KEY, REFRESH, REPLACED, listen
from tests.integration.blabber import SETTING, Blabber, each_in_its_turn, install
from tests.integration.canary_stage import KNOWN, NOWHERE, dump, role_with_a_canary
from tests.integration.processes import Done, Home

NOBODY = "00000000-0000-7000-8000-000000000000"
SMALL = "canary-token-of-small-letters-0123456789"  # as the name of a studio may be
ADD = (
    "--access-token-file",
    "access.txt",
    "--refresh-token-file",
    "refresh.txt",
    "--expires-at",
    "2040-01-01T00:00:00Z",
)

# How each command is driven, in this order, as what it prints is listened to.
# Two print a secret, once, because that is what they are for: `keys generate` a key that is kept nowhere, and `keys api
# create` one whose hash alone is kept; that nobody else prints it again is listened to as well. `serve` prints its
# sign-in link on a terminal: tests/integration/test_coming_in.py.
COMMANDS = {
    "keys api create": ("canary",),
    "connections add": ("blabber", *ADD),
    "connections update": ("blabber", "--access-token-file", "replaced.txt"),
    "connections list": (),
    "connections show": ("blabber",),
    "connections test": ("blabber",),
    "connections refresh": ("blabber",),
    "sync run": ("blabber",),
    "sync status": (),
    "sync log": (),
    "sync explain": ("blabber",),
    "sync next": ("blabber",),
    "sync schedule": ("blabber", "daily", "--cron", "30 6 * * *"),
    "sync pause": ("blabber",),
    "sync resume": ("blabber",),
    "sync cancel": ("blabber",),
    "platforms": (),
    "keys generate": (),
    "keys status": (),
    "keys rotate": (),
    "keys retire": ("0123456789ab",),
    "keys api list": (),
    "keys api revoke": (NOBODY,),
    "studios add": ("north",),
    "studios list": (),
    "studios remove": ("north", "--yes"),
    "audit": (),
    "check": (),
    "migrate": ("--check",),
    "migrate down": ("base",),
    "connections remove": ("blabber", "--yes"),
}
DAEMONS = {"serve", "scheduler"}
SAY_NOTHING_OF_THE_DATABASE = {"keys generate"}


@pytest.fixture
def stage(empty_home: Home, owners_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.syspath_prepend(empty_home.folder)
    monkeypatch.setattr(Blabber, "way", each_in_its_turn)
    texts = {"access.txt": ACCESS, "refresh.txt": REFRESH, "replaced.txt": REPLACED}
    for name, text in texts.items():
        (empty_home.folder / name).write_text(text)
    with role_with_a_canary(owners_url, database_url) as url:
        keys = {"ENCRYPTION_KEY": ENCRYPTION_KEY, "ENCRYPTION_KEYS_OLD": OLD_KEY, "ANSELAI_API_KEY": API_KEY}
        settings = {"DATABASE_URL": url, **keys, "ANSELAI_LOG_LEVEL": "DEBUG", SETTING: CLIENT_SECRET}
        yield replace(empty_home, settings=settings | install(empty_home.folder))


def test_every_command_is_driven() -> None:
    assert {" ".join(path) for path, _ in commands(main)} == {*COMMANDS, *DAEMONS}


def all_commands() -> dict[str, click.Command]:
    """In the order of COMMANDS."""
    found = {" ".join(path): command for path, command in commands(main)}
    return {name: found[name] for name in COMMANDS}


@pytest.mark.slow
def test_no_command_tells_a_secret(stage: Home, owners_url: str) -> None:
    known = dict(KNOWN)
    listen(said_by_each(stage, known), known)
    listen(said_by_each(stage, known, "--json"), known)
    listen(dump(owners_url), known)
    away = {
        name: all_of(stage.run(*name.split(), *COMMANDS[name], given="n\n", DATABASE_URL=NOWHERE)) for name in COMMANDS
    }
    listen(away, known)
    silent = {name for name, text in away.items() if "STORE_UNAVAILABLE" not in text}
    assert silent <= {"keys generate", "check", "platforms", *SAY_NOTHING_OF_THE_DATABASE}, silent


def said_by_each(stage: Home, known: dict[str, str | bytes], *form: str) -> dict[str, str]:
    """What the commands say, those that have this form in it; what they may say this once is known from then on."""
    said = {}
    for name, command in all_commands().items():
        as_json = form if any(each.name == "as_json" for each in command.params) else ()
        done = stage.run(*name.split(), *COMMANDS[name], *as_json, given="n\n")
        said[name] = done.err if name == "keys api create" else all_of(done)
        if name == "keys api create":
            key = json.loads(done.out)["key"] if form else done.out
            known[f"API key {form}"] = key.strip().split("_", 2)[2]
    return said


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "retire", ENCRYPTION_KEY),
        ("keys", "api", "revoke", API_KEY),
        ("keys", "api", "revoke", f"ansel_{NOBODY}_{ACCESS}"),
        ("connections", "add", "blabber", ACCESS),
        ("connections", "add", "blabber", "--access-token-file", ACCESS),
        ("connections", "add", "blabber", "--expires-at", ACCESS),
        ("connections", "add", ACCESS, *ADD),
        ("connections", "show", ACCESS),
        ("connections", ACCESS),
        ("connections", "update", ACCESS, "--account-id", "me"),
        ("connections", "test", ACCESS),
        ("connections", "refresh", ACCESS),
        ("connections", "remove", ACCESS),
        ("connections", "remove", ACCESS, "--yes"),
        ("sync", "run", ACCESS),
        ("sync", "explain", ACCESS),
        ("sync", "pause", ACCESS),
        ("sync", "resume", ACCESS),
        ("sync", "cancel", ACCESS),
        ("sync", "next", ACCESS),
        ("sync", "log", ACCESS),
        ("sync", "log", "--cursor", ACCESS),
        ("sync", "status", ACCESS),
        ("sync", "schedule", ACCESS, "daily"),
        ("sync", "schedule", "blabber", "daily", "--cron", ACCESS),
        ("sync", "schedule", "blabber", "daily", "--timezone", ACCESS),
        ("keys", "api", "list", "--studio", ACCESS),
        ("keys", "api", "create", "laptop", "--studio", ACCESS),
        ("keys", "api", "create", ACCESS, "--studio", "nowhere"),
        ("keys", "api", "create", "laptop", "--studio", SMALL),
        ("studios", "add", ACCESS),
        ("studios", "remove", ACCESS),
        ("studios", "remove", ACCESS, "--yes"),
        ("audit", "--studio", ACCESS),
        ("audit", "--cursor", ACCESS),
        ("migrate", "--to", ACCESS),
        ("migrate", "down", ACCESS),
        ("migrate", "down", ACCESS, "--yes"),
        ("sync", "schedule", "blabber", ACCESS),
        ("connections", "add", "blabber", f"--access-token-file={ACCESS}"),
        ("keys", "api", "create", "laptop", f"--scope={ACCESS}"),
        ("audit", f"--limit={ACCESS}"),
        (f"--access-token={ACCESS}",),
        (f"--{ACCESS}",),
        (ACCESS,),
    ],
)
def test_a_secret_in_the_wrong_place_of_a_command_is_not_repeated(arguments: tuple[str, ...], stage: Home) -> None:
    done = stage.run(*arguments)
    assert done.code in (1, 2)
    listen({" ".join(arguments[:2]): all_of(done)}, {**KNOWN, "small token": SMALL})


@pytest.mark.parametrize("command", sorted(DAEMONS))
def test_a_daemon_that_cannot_reach_its_database_tells_no_secret(command: str, stage: Home) -> None:
    with stage.started(command, DATABASE_URL=NOWHERE) as daemon:
        assert daemon.process.wait(30) == 1
        assert "STORE_UNAVAILABLE" in daemon.printed
        listen({command: daemon.printed}, KNOWN)


@pytest.mark.parametrize("command", sorted(DAEMONS))
def test_nor_does_one_that_runs_a_plug_in(command: str, stage: Home, owners_url: str) -> None:
    stage.json("connections", "add", "blabber", *ADD)
    stage.json("sync", "run", "blabber")
    with stage.started(command) as daemon:
        daemon.until("OSError: ")
        assert daemon.stop() == 0
        assert "OSError: ***" in daemon.printed
        listen({command: daemon.printed}, KNOWN)
        listen(dump(owners_url), KNOWN)


def test_no_command_tells_what_its_plug_in_leaves_to_python(stage: Home) -> None:
    stage.json("connections", "add", "blabber", *ADD)
    with stage.started("connections", "test", "blabber") as testing:
        testing.process.wait(30)
    for told in ("UserWarning: ***", "A thread failed.", "OSError: ***", "where nobody could be told"):
        assert told in testing.printed, testing.printed
    listen({"its output": testing.printed}, KNOWN)


UNCAUGHT = f"""
import sys, threading, warnings
from anselai.entrypoints.logs import set_up_logging
from tests.integration.canary_stage import NOWHERE, settings_with_canaries
set_up_logging(settings_with_canaries(NOWHERE))
class Broken:
    def __del__(self):
        raise ValueError({ENCRYPTION_KEY!r})
def fail():
    raise OSError({API_KEY!r})
warnings.warn({OLD_KEY!r})
thread = threading.Thread(target=fail)
thread.start()
thread.join()
Broken()
error = ValueError({NOWHERE!r})
error.add_note({ENCRYPTION_KEY!r})
raise error from KeyError({API_KEY!r})
"""


def test_what_nobody_catches_is_told_without_its_secrets() -> None:
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", UNCAUGHT], cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    for told in (
        "UserWarning",
        "A thread failed.",
        "OSError",
        "where nobody could be told",
        "ends.",
        "KeyError: '***'",
    ):
        assert told in run.stderr, run.stderr
    listen({"its output": run.stdout + run.stderr.replace(UNCAUGHT, "")}, KNOWN)


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def all_of(done: Done) -> str:
    return done.out + done.err

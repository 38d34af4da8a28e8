"""`anselai keys`: rotating beside a running `serve`, in the order that an external database asks for, and back."""

import asyncio
import re
import stat

import psycopg
import pytest

from anselai.adapters.crypto.keyring import derive_key, generate_secret
from anselai.container import open_ansel
from anselai.domain.errors import KeysMissing
from anselai.domain.secret import Secret
from anselai.settings import Settings
from tests.integration.keys_of_a_home import CANARY, connect, primary_of, rows, secrets_in
from tests.integration.processes import Home

GOOGLE = {"platform": "google", "accessToken": CANARY, "refreshToken": "1//a-canary-refresh"}


def test_the_embedded_database_rotates_beside_a_running_serve(home: Home) -> None:
    with home.started("serve") as serve:
        serve.ready().call("POST", "/api/connections", GOOGLE)
        old = primary_of(home)
        dry = home.run("keys", "rotate", "--dry-run")
        assert primary_of(home) == old, dry.out
        assert "Connections that would be sealed anew: 1" in dry.out
        done = home.run("keys", "rotate")
        assert done.code == 0, done.out + done.err
        assert "Connections sealed anew: 1" in done.out
        new = primary_of(home)
        assert re.search(rf"{new} +primary +1\b.*{old} +older +0\b", done.out, re.DOTALL), "rows left per key"
        assert rows(home) == {new: ("primary", 1), old: ("older", 0)}
        assert serve.call("POST", "/api/connections/google/test")["ok"], "the running process opens the new seal"
        serve.call("POST", "/api/connections", GOOGLE | {"platform": "meta"})
        assert rows(home) == {new: ("primary", 2), old: ("older", 0)}, "and seals with the new key"
        retired = home.run("keys", "retire", old)
        assert retired.code == 0, retired.out + retired.err
        assert rows(home)[old] == ("gone", 0)
        assert serve.call("POST", "/api/connections/google/test")["ok"]
        assert serve.stop() == 0
    for name in ("encryption.key", "encryption.keys.old"):
        assert stat.S_IMODE((home.data / name).stat().st_mode) == 0o600
    for secret in secrets_in(home.data):
        assert secret not in serve.printed + done.out + done.err + retired.out + dry.out


def test_a_key_of_the_settings_is_not_rotated_to_beside_a_serve_that_reads_its_keys_in_files(home: Home) -> None:
    mine = generate_secret()
    with home.started("serve") as serve:
        serve.ready().call("POST", "/api/connections", GOOGLE)
        early = home.run("keys", "rotate", ENCRYPTION_KEY=mine.reveal())
        assert early.code == 1, early.out
        assert "ROTATION_TOO_EARLY" in early.err
        assert serve.call("POST", "/api/connections/google/test")["ok"]
        assert serve.stop() == 0
    old = primary_of(home)
    with home.started("serve", ENCRYPTION_KEYS_OLD=mine.reveal()) as aware:
        aware.ready()
        assert home.run("keys", "rotate", ENCRYPTION_KEY=mine.reveal()).code == 0
        assert aware.call("POST", "/api/connections/google/test")["ok"]
        still = home.run("keys", "retire", old, ENCRYPTION_KEY=mine.reveal())
        assert "still seals" in still.err
        assert aware.stop() == 0
    gone = home.run("keys", "retire", old, ENCRYPTION_KEY=mine.reveal())
    assert f"Remove {home.data / 'encryption.key'}" in gone.out
    (home.data / "encryption.key").unlink()
    assert home.json("connections", "test", "google", ENCRYPTION_KEY=mine.reveal())["ok"]


def test_no_key_is_made_in_files_beside_a_serve_with_a_key_of_its_own(home: Home) -> None:
    connect(home)
    kept = primary_of(home)
    with home.started("serve", ENCRYPTION_KEY=generate_secret().reveal()) as serve:
        serve.ready()
        early = home.run("keys", "rotate")
        assert (early.code, "ROTATION_TOO_EARLY" in early.err) == (1, True), early.err
        assert primary_of(home) == kept
        assert serve.stop() == 0
    assert home.run("keys", "rotate").code == 0


def test_a_key_of_the_settings_forgets_what_is_kept_in_files(home: Home) -> None:
    old = primary_of(home)
    assert home.run("keys", "rotate", "--new-key").code == 0
    mine, other = generate_secret(), generate_secret()
    settings = {"ENCRYPTION_KEY": mine.reveal(), "ENCRYPTION_KEYS_OLD": other.reveal()}
    assert f"The key {old} is forgotten" in home.run("keys", "retire", old, **settings).out
    assert "Take it out of ENCRYPTION_KEYS_OLD" in home.run("keys", "retire", derive_key(other).id, **settings).out


def test_a_rotation_that_was_interrupted_is_brought_to_its_end_before_another_key_is_made(home: Home) -> None:
    connect(home)
    old = primary_of(home)
    (home.data / "encryption.keys.old").write_text((home.data / "encryption.key").read_text())
    (home.data / "encryption.keys.old").chmod(0o600)
    new_secret = generate_secret()
    (home.data / "encryption.key").write_text(new_secret.reveal())  # here it was killed, before it sealed anything
    refused = home.run("keys", "retire", old)
    assert refused.code == 1
    assert f"1 connection needs the key {old}" in refused.err
    assert home.run("keys", "rotate").code == 0
    assert rows(home) == {derive_key(new_secret).id: ("primary", 1), old: ("older", 0)}
    assert home.run("keys", "rotate", "--new-key").code == 0
    assert derive_key(new_secret).id != primary_of(home)
    assert len(secrets_in(home.data)) == 3


@pytest.mark.parametrize("command", ["serve", "scheduler", "check"])
def test_a_ring_without_a_needed_key_stops_the_start(external: Home, command: str) -> None:
    connect(external)
    missing = derive_key(Secret(external.settings["ENCRYPTION_KEY"])).id
    done = external.run(command, ENCRYPTION_KEY=generate_secret().reveal())
    assert done.code == 1
    told = done.out + done.err
    assert "ENCRYPTION_KEY_MISSING" in told
    assert f"{missing} (1)" in told
    assert "ENCRYPTION_KEYS_OLD" in told
    assert external.settings["ENCRYPTION_KEY"] not in told


@pytest.mark.parametrize("command", ["test google", "refresh google", "add meta --access-token-file token.txt"])
def test_a_command_with_another_key_seals_nothing_and_calls_nothing_broken(external: Home, command: str) -> None:
    connect(external)
    done = external.run("connections", *command.split(), ENCRYPTION_KEY=generate_secret().reveal())
    assert done.code == 1
    assert "ENCRYPTION_KEY_MISSING" in done.err
    assert [each["status"] for each in external.json("connections", "list")] == ["active"]


def test_a_program_with_another_key_does_not_start_either(external: Home) -> None:
    connect(external)
    url = Secret(external.settings["DATABASE_URL"])

    async def start() -> None:
        async with open_ansel(settings=Settings(database_url=url, encryption_key=generate_secret())):
            pass

    with pytest.raises(KeysMissing):
        asyncio.run(start())


def test_with_an_external_database_the_order_is_told_and_kept(external: Home) -> None:
    old, new = external.settings["ENCRYPTION_KEY"], generate_secret().reveal()
    old_id, new_id = derive_key(Secret(old)).id, derive_key(Secret(new)).id
    connect(external)
    told = external.run("keys", "rotate").out
    assert "ENCRYPTION_KEYS_OLD" in told
    assert "anselai keys retire" in told
    both = {"ENCRYPTION_KEY": new, "ENCRYPTION_KEYS_OLD": f" {old},\n"}
    with external.started("serve") as unaware:
        unaware.ready()
        early = external.run("keys", "rotate", **both)
        assert early.code == 1
        assert "ROTATION_TOO_EARLY" in early.err
        assert new_id in early.err
        assert rows(external, **both) == {new_id: ("primary", 0), old_id: ("older", 1)}
        assert unaware.stop() == 0
    with external.started("serve", ENCRYPTION_KEY=old, ENCRYPTION_KEYS_OLD=new) as aware:
        aware.ready()
        assert external.run("keys", "rotate", **both).code == 0
        assert aware.call("POST", "/api/connections/google/test")["ok"]
        still = external.run("keys", "retire", old_id, **both)
        assert still.code == 1
        assert "still seals" in still.err
        assert aware.stop() == 0
    gone = external.run("keys", "retire", old_id, **both)
    assert gone.code == 0, gone.err
    assert "Take it out of ENCRYPTION_KEYS_OLD" in gone.out
    with external.started("serve", ENCRYPTION_KEY=new) as alone:
        assert alone.ready().call("POST", "/api/connections/google/test")["ok"]
        assert alone.stop() == 0


def test_a_bad_older_key_stops_everything_by_name(external: Home) -> None:
    done = external.run("connections", "list", ENCRYPTION_KEYS_OLD=f"{generate_secret().reveal()} a-made-up-key")
    assert done.code == 1
    assert "ENCRYPTION_KEYS_OLD" in done.err
    assert "a-made-up-key" not in done.err


def test_a_token_that_was_tampered_with_is_an_error_and_never_a_crash(external: Home) -> None:
    connect(external)
    with psycopg.connect(external.settings["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("SET anselai.studio = '*'")
        connection.execute("UPDATE platform_connections SET access_token = left(access_token, -2)")
    assert [each["status"] for each in external.json("connections", "list")] == ["active"], "nobody has looked yet"
    tested = external.run("connections", "test", "google", "--json")
    assert '"ok": false' in tested.out
    assert "cannot be opened" in tested.out
    assert [each["status"] for each in external.json("connections", "list")] == ["error"]
    dry = external.run("keys", "rotate", "--dry-run")
    assert "Traceback" not in dry.out + dry.err


def test_the_status_names_keys_and_never_shows_one(external: Home) -> None:
    connect(external)
    done = external.run("keys", "status")
    assert done.code == 0, done.err
    assert derive_key(Secret(external.settings["ENCRYPTION_KEY"])).id in done.out
    assert "primary" in done.out
    assert external.settings["ENCRYPTION_KEY"] not in done.out


def test_a_generated_key_is_good_enough_for_a_start(external: Home) -> None:
    key = external.run("keys", "generate").out.strip()
    assert external.run("connections", "list", ENCRYPTION_KEY=key).code == 0

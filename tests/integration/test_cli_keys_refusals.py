"""`anselai keys`, where a rotation meets damaged tokens, a row that somebody holds, or its own end by a signal."""

import signal

import psycopg

from anselai.adapters.crypto.keyring import derive_key, generate_secret
from anselai.adapters.postgres.embedded import start_embedded
from anselai.domain.secret import Secret
from tests.integration.keys_of_a_home import connect, primary_of, rows
from tests.integration.processes import Home, patiently

SEE_ALL = "SET anselai.studio = '*'"
SEALED_WITH = "SELECT count(*) FROM platform_connections WHERE access_token LIKE %s"


def damage(address: str) -> None:
    """Store the token of Google in plain text."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(SEE_ALL)
        connection.execute(
            "UPDATE platform_connections SET access_token = 'ya29.A0SECRET.more', refresh_token = NULL"
            " WHERE platform = 'google'"
        )


def test_a_damaged_token_does_not_keep_a_new_key_from_being_made_and_is_told_by_the_exit_code(home: Home) -> None:
    connect(home)
    connect(home, "meta")
    server = start_embedded(home.data)
    damage(server.dsn)
    server.stop()
    old = primary_of(home)
    for dry_run in (["--dry-run"], []):
        done = home.run("keys", "rotate", *dry_run)
        assert done.code == 1
        assert "sealed anew: 1" in done.out
        assert "1 cannot be opened with any key" in done.out
        assert "2/2" in done.err, "the progress bar is full"
        assert "A0SECRET" not in done.out + done.err
    new = primary_of(home)
    assert rows(home) == {new: ("primary", 1), old: ("older", 0), "": ("damaged", 1)}
    assert home.run("keys", "rotate").code == 1
    assert primary_of(home) != new, "and yet another"


def test_a_rotation_that_brings_an_earlier_one_to_its_end_says_that_it_makes_no_key(home: Home) -> None:
    connect(home)
    (home.data / "encryption.keys.old").write_text((home.data / "encryption.key").read_text())
    (home.data / "encryption.keys.old").chmod(0o600)
    (home.data / "encryption.key").write_text(generate_secret().reveal())
    assert "no new key is made" in home.run("keys", "rotate").out
    assert "The new primary key is" in home.run("keys", "rotate").out


def test_no_key_is_made_where_an_operator_gives_it(external: Home) -> None:
    refused = external.run("keys", "rotate", "--new-key")
    assert refused.code == 2
    assert "--new-key is for keys that AnselAI keeps in files" in refused.err


def test_a_rotation_that_is_killed_is_brought_to_its_end_by_the_next(external: Home) -> None:
    old, new = external.settings["ENCRYPTION_KEY"], generate_secret().reveal()
    old_id, new_id = derive_key(Secret(old)).id, derive_key(Secret(new)).id
    both = {"ENCRYPTION_KEY": new, "ENCRYPTION_KEYS_OLD": old}
    for platform in ("google", "meta", "pinterest"):
        connect(external, platform)
    with psycopg.connect(external.settings["DATABASE_URL"]) as holding:
        holding.execute(SEE_ALL)
        holding.execute("SELECT 1 FROM platform_connections WHERE platform = 'meta' FOR UPDATE")
        with external.started("keys", "rotate", **both) as rotating:
            for _ in patiently("nothing is sealed anew"):
                [(done,)] = holding.execute(SEALED_WITH, [f"v1.{new_id}.%"]).fetchall()
                if done == 2:
                    break
            assert rotating.process.poll() is None, rotating.printed
            assert rotating.stop(signal.SIGKILL) == -signal.SIGKILL
        held = external.run("keys", "rotate", **both)
        assert held.code == 1, "somebody holds the row to the end"
        assert "1 still need an older key" in held.out
    resumed = external.run("keys", "rotate", **both)
    assert resumed.code == 0, resumed.err
    assert "sealed anew: 1" in resumed.out
    assert rows(external, **both) == {new_id: ("primary", 3), old_id: ("older", 0)}
    for platform in ("google", "meta", "pinterest"):
        assert external.json("connections", "test", platform, **both)["ok"]

"""The log: one line a record, no secret in any, and no flood."""

import logging
import sys

import pytest

from anselai.domain.scrubbing import scrubbed
from anselai.domain.secret import Secret
from anselai.entrypoints.logs import (
    MOST_REMEMBERED,
    NEWS,
    REPEAT_AFTER,
    SecretlessFormatter,
    SpareRepeats,
    alike,
)
from anselai.settings import Settings

URL = "postgresql://studio:s3cr3t%2Fpassword@db.example:5432/anselai"
SETTINGS = Settings(
    database_url=Secret(URL),
    encryption_key=Secret("the-key-that-seals"),
    encryption_keys_old=(Secret("the-key-before-it"),),
    api_key=Secret("the-key-of-programs"),
    platform_values={
        "META_APP_ID": Secret("public-app"),
        "META_APP_SECRET": Secret("meta-app-secret"),
        "TIKTOK_PASSWORD": Secret("tiktok-password"),
    },
)


def record(
    message: str, *, level: int = logging.WARNING, name: str = "psycopg.pool", at: float = 0.0
) -> logging.LogRecord:
    made = logging.LogRecord(name, level, __file__, 1, message, None, None)
    made.created = at
    return made


def line(message: str) -> str:
    return SecretlessFormatter(SETTINGS.secrets).format(record(message))


@pytest.mark.parametrize(
    "message",
    [
        f"cannot connect to {URL}",
        "cannot connect to postgresql://studio:s3cr3t/password@db.example/anselai",
        "the password is s3cr3t/password or s3cr3t%2Fpassword",
        "user=studio password=s3cr3t/password host=db.example",
        "user=studio password='s3cr3t/password' host=db.example",
        "sealed with the-key-that-seals",
        "the-key-before-it opens",
        "Bearer the-key-of-programs",
        "meta said meta-app-secret, tiktok said tiktok-password",
    ],
)
def test_no_secret_of_the_settings_reaches_a_line(message: str) -> None:
    told = line(message)
    assert not [each for each in ("s3cr3t", "the-key", "meta-app-secret", "tiktok-password") if each in told]
    assert "***" in told


def test_its_secrets_are_read_once_and_not_for_every_line() -> None:
    once = SecretlessFormatter(iter([Secret("the-key-that-seals")]))
    assert ["***" in once.format(record("sealed with the-key-that-seals")) for _ in range(3)] == [True] * 3


def test_a_password_of_another_address_is_blotted_out_too() -> None:
    told = scrubbed("dsn: postgres://me:hunter2@host/db, host=h password=hunter2 dbname=d", [])
    assert told == "dsn: postgres://***@host/db, host=h password=*** dbname=d"


def test_a_password_in_a_query_is_known() -> None:
    settings = Settings(database_url=Secret("postgresql:///anselai?user=me&password=hunter2hunter2"))
    assert Secret("hunter2hunter2") in settings.secrets
    settings = Settings(database_url=Secret("postgresql://me@host/anselai?sslkey=k&sslpassword=of%20the%20key"))
    assert Secret("of the key") in settings.secrets


def test_what_is_no_secret_stays_as_it_is() -> None:
    text = "the app public-app at https://example.com/a:b@c and 12:30 is fine"
    assert "public-app" in line(text)
    assert line("").endswith("WARNING psycopg.pool: ")


def test_a_message_of_several_lines_is_one_line() -> None:
    assert len(line("refused\n\tIs the server running?\nforged 2026 ERROR anselai: all is lost").splitlines()) == 1


def test_a_traceback_holds_no_secret() -> None:
    made = record("it failed")
    try:
        raise ValueError(URL)
    except ValueError:
        made.exc_info = sys.exc_info()
    told = SecretlessFormatter(SETTINGS.secrets).format(made)
    assert "ValueError" in told
    assert "s3cr3t" not in told


def test_the_same_words_are_told_once_a_minute() -> None:
    spare = SpareRepeats()
    assert spare.filter(record("away", at=100))
    assert not spare.filter(record("away", at=100 + REPEAT_AFTER - 1))
    assert spare.filter(record("away", at=100 + REPEAT_AFTER))
    assert spare.filter(record("away", at=101, name="anselai.worker"))
    assert spare.filter(record("back", at=101))


def test_lines_that_are_said_to_be_alike_are_repeats_of_each_other() -> None:
    spare = SpareRepeats()

    def told(words: str, *what: object) -> bool:
        made = record(words, at=100)
        vars(made).update(alike(*what))
        return spare.filter(made)

    assert [told("request %s", "GET", 503) for _ in range(50)].count(True) == 1
    assert told("request %s", "PUT", 503)
    assert told("another line", "GET", 503)
    assert not told("request %s", "PUT", 503)


def test_of_too_many_words_to_remember_the_oldest_are_forgotten() -> None:
    spare = SpareRepeats()
    for n in range(MOST_REMEMBERED):
        assert spare.filter(record(f"words {n}", at=100 + n / 1000))
    now = 100 + REPEAT_AFTER
    assert spare.filter(record("words 0", at=now)), "which makes them the newest"
    assert spare.filter(record("one more", at=now))
    assert not [n for n in range(2, MOST_REMEMBERED) if spare.filter(record(f"words {n}", at=now))]
    assert not spare.filter(record("words 0", at=now))
    assert spare.filter(record("words 1", at=now)), "the oldest, forgotten for the one more"
    assert len(spare.told_at) == MOST_REMEMBERED


def test_what_is_only_said_when_something_changed_is_told_each_time() -> None:
    spare, away = SpareRepeats(), record("away", at=100)
    vars(away).update(NEWS)
    assert all(spare.filter(away) for _ in range(3))


def test_what_is_below_a_warning_is_told_each_time() -> None:
    spare = SpareRepeats()
    assert all(spare.filter(record("synced", level=logging.INFO, at=100)) for _ in range(3))


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR])
def test_but_what_says_what_it_is_alike_is_told_once_at_every_level(level: int) -> None:
    spare, asked = SpareRepeats(), record("GET /*: 404, request %s", level=level, at=100)
    vars(asked).update(alike("GET", "/*", 404))
    assert [spare.filter(asked) for _ in range(3)] == [True, False, False]

"""The address of a database: what may be shown of it, what may not, and which ones could be misread."""

import pytest

from anselai.adapters.postgres.first_contact import check_opens, reason
from anselai.domain.errors import InvalidSettings, StoreUnavailable
from anselai.domain.secret import Secret
from anselai.settings import Settings, database_place, database_secrets, load_settings


@pytest.mark.parametrize(
    ("url", "place", "password"),
    [
        ("postgresql://me:hunter2@db.example:5432/photos", ("db.example:5432", "photos"), "hunter2"),
        ("postgres://me:hunter2@one:1,two:2/photos?sslmode=require", ("one:1,two:2", "photos"), "hunter2"),
        ("postgresql://me:hun?ter#2@db/photos", ("db", "photos"), "hun?ter#2"),  # as libpq reads it, unlike browsers
        ("postgresql://me:hun[ter2@db/photos", ("db", "photos"), "hun[ter2"),
        ("postgresql://me:h%40nter2@db/photos", ("db", "photos"), "h@nter2"),
        ("postgresql:///photos?user=me&password=hunter2", ("", "photos"), "hunter2"),
        ("postgresql://?host=/run/pg&dbname=photos&password=h%2Fnter2", ("/run/pg", "photos"), "h/nter2"),
        ("postgresql://me:hunter2@[::1]:5432", ("[::1]:5432", ""), "hunter2"),
    ],
)
def test_the_place_is_shown_and_the_password_known(url: str, place: tuple[str, str], password: str) -> None:
    settings = load_settings({"DATABASE_URL": url}, dotenv=None)
    assert settings.database_url == Secret(url)
    assert database_place(Secret(url)) == place
    assert {Secret(password), Secret(url)} <= set(settings.secrets)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunt@er2@db/photos",
        "postgresql://me:hunt/er2@db/photos",
        "postgresql://me:hunt/er2?@db/photos",
        "postgresql://me@work:hunter2@db/photos",
        "postgresql://me:hunter2",
    ],
)
def test_a_password_that_would_be_taken_for_a_host_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(InvalidSettings, match="%40") as refused:
        load_settings({"DATABASE_URL": url}, dotenv=None)
    assert "er2" not in str(refused.value)
    assert database_place(Secret(url)) == ("", "")
    assert database_secrets(Secret(url)) == [Secret(url)]


def test_what_the_environment_calls_a_secret_is_one_and_the_rest_is_not() -> None:
    environment = {"META_APP_SECRET": "a-secret", "X_PASSPHRASE": "another", "META_APP_ID": "public", "PATH": "/bin"}
    assert set(load_settings(environment, dotenv=None).secrets) == {Secret("a-secret"), Secret("another")}
    assert Settings().secrets == ()


TO_SERVER = 'connection to server at "10.0.0.1", port 5432 failed:'
REFUSED = "Connection refused\n\tIs the server running on that host?"


@pytest.mark.parametrize(
    ("told", "reasons"),
    [
        (
            f'connection failed: {TO_SERVER} FATAL:  no such user "me"\n{TO_SERVER} FATAL:  user "me", no TLS',
            'FATAL: no such user "..."; FATAL: user "...", no TLS',
        ),
        (
            f"All failures were:\n- hostaddr: '::1': {TO_SERVER} {REFUSED}\n- {TO_SERVER} {REFUSED}",
            "Connection refused",
        ),
        ("failed to resolve host 'db': [Errno -2] unknown", "failed to resolve host 'db': [Errno -2] unknown"),
        ("connection timeout expired", "connection timeout expired"),
    ],
)
def test_what_a_driver_tells_of_its_attempts_is_one_line_without_the_user(told: str, reasons: str) -> None:
    assert reason(told, "me") == reasons


@pytest.mark.parametrize("parameter", ["connect_timeout", "sslmode", "target_session_attrs", "port"])
async def test_a_password_in_the_place_of_another_parameter_is_not_told(parameter: str) -> None:
    url = Secret(f"postgresql://me:hun-me-t%40er2@127.0.0.1:1/photos?{parameter}=hun-me-t%40er2")
    with pytest.raises(StoreUnavailable, match=r"\*\*\*") as refused:
        await check_opens(url, "The database")
    assert "hun" not in str(refused.value)
    assert "er2" not in str(refused.value)

"""Known secrets go through every route, page, error, log line and table, and are heard nowhere.

The commands and the processes are driven in test_canaries_of_commands.py.
"""

import asyncio
import gc
import json
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from anselai.adapters.crypto.keyring import derive_ring
from anselai.container import open_in_memory
from anselai.domain.connection import Credentials
from anselai.domain.errors import AnselError
from anselai.domain.secret import Secret
from anselai.settings import load_settings
from tests import canaries
from tests.canaries import ACCESS, ENCRYPTION_KEY, MISTYPED, OLD_KEY, REFRESH, REPLACED, listen
from tests.integration.blabber import WAYS, Blabber
from tests.integration.canary_stage import (
    KNOWN,
    NOWHERE,
    PASSWORD,
    Stage,
    dump,
    log_written,
    role_with_a_canary,
    set_up,
)
from tests.integration.http.asking import FORM_TYPE

TOKENS = {"accessToken": ACCESS, "refreshToken": REFRESH}
BODIES: list[tuple[bytes, str]] = [
    (b"", ""),
    (json.dumps({"platform": "blabber", **TOKENS, "scopes": [{"a": REFRESH}]}).encode(), "application/json"),
    (json.dumps({"platform": MISTYPED, "accessToken": [ACCESS], "frequency": MISTYPED}).encode(), "application/json"),
    (json.dumps({MISTYPED: 1, MISTYPED[-18:]: 2, "accessToken": f"{ACCESS} is not one"}).encode(), "application/json"),
    (json.dumps({**TOKENS, "accessToken": ACCESS * 300}).encode(), "application/json"),
    (json.dumps({"platform": "google", **TOKENS}).encode(), "application/json"),
    (json.dumps({"platform": MISTYPED, **TOKENS}).encode(), "application/json"),
    (json.dumps(TOKENS).encode()[:-3], "application/json"),
    (json.dumps(TOKENS).encode() + b"\xff\xfe", "application/json"),
    (json.dumps(TOKENS).encode(), "text/plain"),
    (urlencode({**TOKENS, "apiKey": MISTYPED, "cron": MISTYPED}).encode() + b"&a=%FF\xff", FORM_TYPE),
]


@pytest.fixture
def canary_url(owners_url: str, database_url: str) -> Iterator[str]:
    with role_with_a_canary(owners_url, database_url) as url:
        yield url


def test_no_secret_is_heard_from_any_route_log_or_table(canary_url: str, owners_url: str) -> None:
    async def drive() -> Stage:
        async with set_up(canary_url) as stage:
            await stage.come_in()
            await everything_a_client_may_say(stage)
            await every_route(stage)
            await stage.app.state.api_errors.close()
            tables = dump(owners_url)
            assert len(tables) > 15
            stage.listen(tables)
            stage.listen(dict(everything_shown_of(stage)))
        gc.collect()  # what was left behind tells of its end
        return stage

    with log_written() as log, asyncio.Runner() as runner:
        stage = runner.run(drive())
    stage.listen()
    stage.listen({"the log": log.getvalue()})
    assert len(stage.said) > 60
    for told in ("asked with ***", "it failed with", "never retrieved", "cannot be written", " DEBUG ", "***"):
        assert told in log.getvalue(), told


async def everything_a_client_may_say(stage: Stage) -> None:
    """Its connection is tested, refreshed and synced, for each way in which it tells what it should not."""
    assert (await stage.ask("POST", "/api/connections", json_of(platform="blabber", **TOKENS), **JSON)).status == 201
    for way in WAYS:
        Blabber.way = way
        assert (await stage.ask("PUT", "/api/connections/{platform}", json_of(**TOKENS), **JSON)).status == 200
        for body in (b"", json_of(frequency="daily")):
            queued = await stage.ask("POST", "/api/sync/{platform}", body, **JSON)
            await stage.ansel.worker.drain()
            await stage.ask("DELETE", "/api/sync/jobs/{id}", id=json.loads(queued.body)["data"]["id"])  # if it waits
        await stage.ask("POST", "/api/connections/{platform}/test")
        await stage.ask("PUT", "/api/connections/{platform}")
        for seen in ("/api/connections", "/api/sync/{platform}/explain", "/connections", "/sync", "/"):
            await stage.ask("GET", seen)
    assert "***" in stage.said["POST /api/connections/{platform}/test"]
    await stage.ask("PUT", "/api/connections/{platform}", json_of(accessToken=REPLACED), **JSON)


JSON: dict[str, Any] = {"media_type": "application/json"}


def json_of(**fields: str) -> bytes:
    return json.dumps(fields).encode()


async def every_route(stage: Stage) -> None:
    """Each that there is, with each of its methods and a few others, with secrets wherever something can be sent."""
    for route in stage.app.routes:
        pattern, methods = route.path, list(route.app.handlers)  # type: ignore[attr-defined]
        for method in (*methods, "OPTIONS", "PATCH"):
            if pattern == "/sign-out" and method == "POST":
                continue  # last, since it ends the session
            for body, media_type in BODIES if method in ("POST", "PUT", "PATCH") else BODIES[:1]:
                is_form = media_type == FORM_TYPE
                content = f"formToken={quote(stage.form_token)}&".encode() + body if is_form else body
                await stage.ask(method, pattern, content, media_type=media_type, name="anselai.css")
            for given in ({"platform": MISTYPED}, {"id": MISTYPED}, {"frequency": MISTYPED}, {"name": MISTYPED}):
                await stage.ask(method, pattern, b"", "", **{"name": "anselai.css"} | given)
            for query in (
                f"{quote(MISTYPED)}=1",
                "limit=1&cursor=" + MISTYPED,
                f"next={quote(MISTYPED)}",
                f"platform={MISTYPED}",
            ):
                await stage.ask(method, pattern, query=query, name="anselai.css")
    stage.key, key = MISTYPED, stage.key
    stage.cookie, cookie = f"anselai-3200={MISTYPED}".encode(), stage.cookie
    for path in ("/api/connections", "/sync", "/readyz", "/metrics"):
        await stage.ask("GET", path)
    stage.key, stage.cookie = key, cookie
    for path in (f"/{MISTYPED}", f"/api/{MISTYPED}", "/sign-out"):
        stage.tell("elsewhere", await stage.form(path))


def everything_shown_of(stage: Stage) -> Iterator[tuple[str, str]]:
    """What becomes of objects that hold secrets when somebody prints, pickles or encodes them by accident."""
    ring = derive_ring(Secret(ENCRYPTION_KEY), [Secret(OLD_KEY)])
    credentials = Credentials(access_token=Secret(ACCESS), refresh_token=Secret(REFRESH))
    vault = stage.ansel.connections.vault
    things: list[Any] = [stage.settings, stage.ansel, stage.app, stage.app.state, vault, ring, credentials]
    things += [vault.cipher, stage.ansel.signer, stage.ansel.access.authenticator, stage.ansel.connections.refresher]
    things += [stage.ansel.connections.connections, stage.ansel.connections.platforms.get("blabber"), Secret(ACCESS)]
    ways: list[Callable[[Any], object]] = [
        repr,
        str,
        "{}".format,
        "{!r:>9}".format,
        lambda thing: f"{vars(thing)}",
        lambda thing: thing.__getstate__(),
        asdict,
        pickle.dumps,
        json.dumps,
        lambda thing: json.dumps(thing, default=str),
        lambda thing: json.dumps(asdict(thing), default=repr),
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
    ]
    for number, way in enumerate(ways):
        for thing in things:
            try:
                shown = repr(way(thing))
            except Exception as refused:  # noqa: BLE001  that is one good way to keep a secret
                shown = "".join([repr(refused), *traceback.format_exception(refused)])
            yield f"{type(thing).__name__} {number}", shown


def test_an_error_of_a_client_tells_nothing_even_with_the_locals_of_our_own_code() -> None:
    with asyncio.Runner() as runner:
        runner.run(each_way_of_an_error())


async def each_way_of_an_error() -> None:
    async with open_in_memory(plugins=[Blabber]) as ansel:
        for number, way in enumerate(WAYS):
            Blabber.way, studio = way, f"studio-{number}"
            await ansel.access.add_studio(studio)
            await ansel.connections.save_connection(
                "blabber", access_token=Secret(ACCESS), refresh_token=Secret(REFRESH), studio=studio
            )
            with suppress(AnselError):
                await ansel.connections.test_connection("blabber", studio=studio)
            try:
                await ansel.connections.refresh_token("blabber", studio=studio)
            except AnselError as error:
                told = traceback.TracebackException.from_exception(error, capture_locals=True)
                listen({"the traceback": "".join(told.format()), "the error": repr(error)}, KNOWN)


async def test_nor_is_one_heard_while_the_database_is_away() -> None:
    with log_written() as log:
        async with set_up(NOWHERE) as stage:
            routes = [route for route in stage.app.routes if "{name}" not in route.path]  # type: ignore[attr-defined]
            calls = [
                stage.ask(method, route.path, *(BODIES[5] if method != "GET" else BODIES[0]))  # type: ignore[attr-defined]
                for route in routes
                for method in route.app.handlers  # type: ignore[attr-defined]
            ]
            statuses = {reply.status for reply in await asyncio.gather(*calls)}
    assert 503 in statuses
    stage.listen()
    stage.listen({"the log": log.getvalue()})
    assert "127.0.0.1" in log.getvalue(), "the driver tells where it could not connect"


@pytest.mark.parametrize(
    "wrong",
    [
        {"DATABASE_URL": f"mysql://u:{PASSWORD}@host/db"},
        {"DATABASE_URL": f"postgresql://u:{canaries.PASSWORD}@host/db"},
        {"DATABASE_URL": f"postgresql://u:a[{PASSWORD}@@host/db"},
        {"ENCRYPTION_KEY": ACCESS},
        {"ENCRYPTION_KEYS_OLD": f"{ACCESS},{OLD_KEY}"},
        {"ANSELAI_API_KEY": MISTYPED[:31]},
        {"ANSELAI_CORS_ORIGINS": NOWHERE},
        {"ANSELAI_HOST": NOWHERE},
        {"ANSELAI_ALLOWED_HOSTS": f"studio.example,{ENCRYPTION_KEY}"},
        {"ANSELAI_TRUSTED_PROXIES": ACCESS},
        {"ANSELAI_PORT": MISTYPED},
        {"ANSELAI_METRICS_PORT": MISTYPED},
        {"ANSELAI_LOG_LEVEL": MISTYPED},
        {"ANSELAI_AUTH": MISTYPED},
        {"ANSELAI_RUNS_PER_FLEET": MISTYPED},
        {"ANSELAI_API_KEY": f"{MISTYPED}-password"},
    ],
)
def test_settings_that_are_refused_are_not_quoted(wrong: dict[str, str]) -> None:
    from anselai.container.keys import check_key

    with pytest.raises(AnselError) as refused:
        check_key(load_settings(wrong, dotenv=None))
    told = "".join(traceback.format_exception(refused.value))
    listen({"the refusal": str(refused.value), "its traceback": told}, KNOWN)

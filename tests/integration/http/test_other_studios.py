"""A studio cannot tell whether there are others: not by any route, with any identifier of theirs.

The same requests go to two AnselAIs, of which only one has another studio in it. Whoever asks hears the same from both,
and nothing of the other studio changes.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as some
from starlette.applications import Starlette

from anselai.application.ansel import Ansel
from anselai.container import open_in_memory, open_on
from anselai.domain.secret import Secret
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.areas import is_for_programs
from anselai.entrypoints.http.doors import Doors, Limits
from anselai.settings import Settings
from tests.fakes import FakeClock
from tests.integration.http.asking import FORM_TYPE, Reply, ask, form_token

OURS, THEIRS = "atelier", "darkroom"
HOST = (b"host", b"127.0.0.1:3200")
THEIR_IDEMPOTENCY_KEY = "their-key"
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CHANGING = re.compile(
    rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # ids
    rb"|\"id\":\d+|\"durationMs\":\d+|[\d.]+ (ms|s|seconds)\b"
    rb"|\"nextCursor\":\"[^\"]*\"|cursor=[\w%=-]+"  # positions in a log that all studios share
    rb"|request <code>[^<]*|name=\"formToken\" value=\"[^\"]*|202\d-[0-9T:.-]+Z|ansel_\w+"
)
UNLIMITED = Doors(limits=Limits(requests_of_a_key=10**9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    method: str
    path: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@dataclass(slots=True, kw_only=True)
class World:
    """An AnselAI, asked by the studio `atelier` with a key and a session of its own."""

    ansel: Ansel
    app: Starlette
    bearer: bytes
    cookie: bytes
    token: bytes

    async def ask(self, wanted: Ask) -> Reply:
        known = (b"authorization", self.bearer) if is_for_programs(wanted.path) else (b"cookie", self.cookie)
        body = wanted.body if is_for_programs(wanted.path) else b"formToken=" + self.token + b"&" + wanted.body
        reply = await ask(
            self.app,
            wanted.method,
            wanted.path,
            query=wanted.query,
            headers=[HOST, known, (b"x-request-id", b"the-same"), *wanted.headers],
            chunks=[body],
            known=False,
        )
        await self.app.state.api_errors.close()  # writes its errors now, and not some time later
        return reply


async def furnish(ansel: Ansel, platforms: Mapping[str, Sequence[str]]) -> None:
    """Studios with connections, schedules, a sync that ran, and one that waits, asked for with an Idempotency-Key."""
    connections = [(studio, platform) for studio, names in platforms.items() for platform in names]
    for studio in platforms:
        await ansel.access.add_studio(studio)
    for studio, platform in connections:
        await ansel.connections.save_connection(
            platform, access_token="access-1", refresh_token="refresh-1", account_id=f"of-{studio}", studio=studio
        )
        await ansel.scheduler.run_sync_now(platform, "hourly", studio=studio)
    await ansel.worker.drain()
    for studio, platform in connections:
        await ansel.scheduler.run_sync_now(
            platform, "daily", idempotency_key=f"{THEIR_IDEMPOTENCY_KEY}-{platform}", studio=studio
        )


@asynccontextmanager
async def world_of(ansel: Ansel, *, with_others: bool) -> AsyncIterator[World]:
    others = {THEIRS: ["google", "meta", "pinterest", "tiktok"]} if with_others else {}
    await furnish(ansel, {OURS: ["google"], **others})
    _, text = await ansel.access.create_key("ours", studio=OURS)
    app = build_app(ansel, doors=UNLIMITED)
    async with app.router.lifespan_context(app):
        page = await ask(app, "GET", "/sign-in", headers=[HOST], known=False)
        form = f"formToken={form_token(page.body.decode())}&apiKey={text.reveal()}".encode()
        headers = [HOST, (b"content-type", FORM_TYPE.encode()), (b"cookie", cookie_of(page))]
        signed_in = await ask(app, "POST", "/sign-in", headers=headers, chunks=[form], known=False)
        cookie = cookie_of(signed_in)
        shown = await ask(app, "GET", "/sync", headers=[HOST, (b"cookie", cookie)], known=False)
        yield World(
            ansel=ansel,
            app=app,
            bearer=f"Bearer {text.reveal()}".encode(),
            cookie=cookie,
            token=form_token(shown.body.decode()).encode(),
        )


def cookie_of(reply: Reply) -> bytes:
    return reply.headers["set-cookie"].partition(";")[0].encode()


async def everything_of(ansel: Ansel, studio: str) -> str:
    """All that this studio can see of itself, but for the clock."""
    return repr(
        [
            await ansel.connections.connections.list(studio),
            await ansel.scheduler.schedules.list(studio),
            await ansel.scheduler.jobs.active(studio),
            (await ansel.scheduler.log(limit=200, studio=studio)).entries,
            await ansel.insights.overview(studio=studio),
            await ansel.access.list_keys(studio=studio),
            (await ansel.access.audit(limit=200, studio=studio)).entries,
        ]
    )


async def requests_with_their_identifiers(world: World) -> list[Ask]:
    """Every method of every route, each with every identifier of theirs that fits its parameters, query or body."""
    jobs = await world.ansel.scheduler.jobs.active(THEIRS)
    log = await world.ansel.scheduler.log(limit=2, studio=THEIRS)
    ids = [str(each.id) for each in jobs] + [str(each.job_id) for each in log.entries if each.job_id]
    keys = [str(each.id) for each in await world.ansel.access.list_keys(studio=THEIRS)]
    queries = [b"", f"cursor={log.next_cursor}".encode(), b"platform=tiktok", f"studio={THEIRS}".encode()]
    asks = []
    for route in world.app.routes:
        pattern, methods = route.path, list(route.app.handlers)  # type: ignore[attr-defined]
        if pattern in ("/sign-out", "/sign-in", "/sign-in/{code}"):
            continue  # no identifiers, and the session is still needed
        for platform in ("meta", "tiktok", THEIRS):
            for their_id in [*ids[:3], *keys[:1]] if "{id}" in pattern else [""]:
                path = pattern.format(platform=platform, id=their_id, frequency="daily", name="anselai.css")
                for method in methods:
                    asks += [ask_of(method, path, query, platform) for query in (queries if method == "GET" else [b""])]
    return asks


def ask_of(method: str, path: str, query: bytes, platform: str) -> Ask:
    if not is_for_programs(path):
        headers, fields = [(b"content-type", FORM_TYPE.encode())], {"accessToken": "bad token", "cron": "0 7 * * *"}
        return Ask(method=method, path=path, query=query, headers=tuple(headers), body=urlencode(fields).encode())
    body = b""
    headers = [(b"content-type", b"application/json")]
    if method == "POST" and path.startswith("/api/sync/"):
        headers.append((b"idempotency-key", f"{THEIR_IDEMPOTENCY_KEY}-{platform}".encode()))
    if path.endswith("/schedule"):
        body = b'{"frequency": "daily", "cron": "0 7 * * *"}'
    elif path == "/api/connections" and method == "POST":
        body = b'{"platform": "google", "accessToken": "access-2"}'  # which is connected in both studios
    return Ask(method=method, path=path, query=query, headers=tuple(headers), body=body)


def told(reply: Reply) -> tuple[int, bytes, dict[str, str]]:
    """All of an answer but for what is random or tells the time."""
    fixed = {name: value for name, value in reply.headers.items() if name not in ("x-request-id", "content-length")}
    location = CHANGING.sub(b"*", fixed.get("location", "").encode())
    return reply.status, CHANGING.sub(b"*", reply.body), {**fixed, "location": location.decode()}


@asynccontextmanager
async def in_memory(*, with_others: bool) -> AsyncIterator[World]:
    async with open_in_memory(clock=FakeClock()) as ansel, world_of(ansel, with_others=with_others) as world:
        yield world


async def compare(alone: World, beside: World, asks: Sequence[Ask]) -> int:
    """How many of these were refused."""
    before = await everything_of(beside.ansel, THEIRS)
    used = " ".join(each.path for each in asks)  # what was asked for may be repeated: "There is no job …"
    secret_ids = {found[0] for found in ID.finditer(before) if found[0] not in used}
    assert secret_ids
    refused = 0
    for each in asks:
        ours, theirs = await alone.ask(each), await beside.ask(each)
        if each.query.startswith(b"cursor="):
            assert ours.status == theirs.status, "a position in a log that all studios share finds other rows of ours"
        else:
            assert told(ours) == told(theirs), f"{each}\n{told(ours)}\n{told(theirs)}"
        assert not [one for one in secret_ids if one in theirs.body.decode()], each
        assert f"of-{THEIRS}".encode() not in theirs.body, each
        refused += ours.status >= 400
    assert await everything_of(beside.ansel, THEIRS) == before
    return refused


@settings(max_examples=5, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(order=some.randoms())
def test_no_route_tells_a_studio_of_another_in_whatever_order(order: random.Random) -> None:
    async def play() -> None:
        async with AsyncExitStack() as stack:
            alone = await stack.enter_async_context(in_memory(with_others=False))
            beside = await stack.enter_async_context(in_memory(with_others=True))
            asks = await requests_with_their_identifiers(beside)
            assert len(asks) > 150
            order.shuffle(asks)
            assert await compare(alone, beside, asks) > len(asks) / 3, "most of these exist for the others only"

    with asyncio.Runner() as runner:
        runner.run(play())


@pytest.fixture
def two_urls(postgres_server: Any, database_names: Iterator[str]) -> Iterator[tuple[str, str]]:
    names = next(database_names), next(database_names)
    yield postgres_server.create(names[0]), postgres_server.create(names[1])
    for name in names:
        postgres_server.drop(name)


async def test_nor_on_postgresql(two_urls: tuple[str, str]) -> None:
    key = Secret("3f8b1c6e9d204a75b0e7d1928c4f6a53b7e2905d18c64fa39e0b5d7286f1ac94")
    async with AsyncExitStack() as stack:
        worlds = []
        for url, with_others in zip(two_urls, (False, True), strict=True):
            opened = open_on(Secret(url), Settings(database_url=Secret(url), encryption_key=key))
            ansel = await stack.enter_async_context(opened)
            worlds.append(await stack.enter_async_context(world_of(ansel, with_others=with_others)))
        asks = await requests_with_their_identifiers(worlds[1])
        await compare(worlds[0], worlds[1], asks)

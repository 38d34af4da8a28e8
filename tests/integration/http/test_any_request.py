"""Whatever comes in, from whomever, nothing of it is a failure of ours, hangs, or leaves something half done.

`make requests` sends 10,000 of them; REQUESTS=… sends as many. Half of them meet a real PostgreSQL.
"""

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from starlette.applications import Starlette

from anselai.adapters.crypto.keyring import generate_secret
from anselai.application.ansel import Ansel
from anselai.container import open_in_memory, open_on
from anselai.domain.connection import DEFAULT_STUDIO
from anselai.domain.frequency import Frequency
from anselai.domain.secret import Secret
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.doors import Doors, Limits
from anselai.settings import Settings
from tests.fakes import FakeClock
from tests.integration.http.asking import KEY, Reply, ask, form_token
from tests.integration.http.made_up_requests import (
    CALLS,
    FORM,
    HOST,
    MAY_CHANGE,
    SIGNED_IN,
    STRANGERS,
    Sent,
    Who,
    any_request,
)
from tests.postgres_server import PostgresServer

REQUESTS = int(os.environ.get("REQUESTS", "300"))
HANGS_AFTER = 10.0  # seconds
SOON = timedelta(milliseconds=50)
NEIGHBOURS = "darkroom"
UNLIMITED = Limits(requests_of_a_key=10**9, requests_of_a_key_per_second=1e9, sign_ins=10**9, wrong_keys=10**9)


@dataclass(slots=True, kw_only=True)
class Served:
    """An AnselAI that gets the requests. `kept` is what each of its two studios had after the last of them."""

    runner: asyncio.Runner
    app: Starlette
    ansel: Ansel
    keys: dict[Who, bytes]
    token: bytes = b""
    kept: dict[str, tuple[object, object]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)

    async def sign_in(self) -> None:
        """Anew, since a form may have signed us out."""
        self.app.state.cookie_of_tests = None
        self.token = form_token((await ask(self.app, "GET", "/sync", headers=[HOST])).body.decode()).encode()

    async def answer(self, sent: Sent) -> Reply:
        """It comes in time."""
        is_form = sent.who is Who.KNOWN and (b"content-type", FORM) in sent.headers
        async with asyncio.timeout(HANGS_AFTER):
            reply = await ask(
                self.app,
                sent.method,
                sent.path,
                query=sent.query,
                headers=[HOST, *((b"authorization", key) for key in [self.keys.get(sent.who)] if key), *sent.headers],
                chunks=[b"formToken=" + self.token + b"&", *sent.chunks] if is_form else sent.chunks,
                known=sent.who in SIGNED_IN,
            )
        self.statuses[reply.status] += 1
        if sent.method == "POST" and sent.path.startswith("/sign-"):
            await self.sign_in()
        return reply

    async def look(self, studio: str) -> object:
        """What a studio has, of which everything that belongs together is there."""
        connections = {each.key: each for each in await self.ansel.connections.connections.list(studio)}
        schedules = await self.ansel.scheduler.schedules.list(studio)
        assert {(each.key, each.frequency) for each in schedules} == {
            (key, frequency) for key in connections for frequency in Frequency
        }
        assert {job.key for job in await self.ansel.scheduler.jobs.active(studio)} <= set(connections)
        return [
            {(each.key, each.account_id, each.scopes, each.token_expires_at) for each in connections.values()},
            {(each.key, each.frequency, each.cron, each.timezone, each.enabled, each.catch_up) for each in schedules},
        ]

    async def last_deed(self, studio: str) -> object:
        return (await self.ansel.access.audit(limit=1, studio=studio)).entries


@asynccontextmanager
async def serving(
    runner: asyncio.Runner, ansel: Ansel, let_time_pass: Callable[[float], Awaitable[None]]
) -> AsyncIterator[Served]:
    await ansel.access.add_studio(NEIGHBOURS)
    for studio in (DEFAULT_STUDIO, NEIGHBOURS):
        await ansel.connections.save_connection("google", access_token="token", refresh_token="token", studio=studio)
    now = ansel.clock.now()
    given_out = {
        Who.WRITER: await ansel.access.create_key("writer", scopes=["write"]),
        Who.READER: await ansel.access.create_key("reader", scopes=["read"]),
        Who.NEIGHBOUR: await ansel.access.create_key("neighbour", scopes=["admin"], studio=NEIGHBOURS),
        Who.EXPIRED: await ansel.access.create_key("expired", expires_at=now + SOON),
        Who.REVOKED: await ansel.access.create_key("revoked"),
    }
    await ansel.access.revoke_key(given_out[Who.REVOKED][0].id)
    await let_time_pass(SOON.total_seconds())
    keys = {who: f"Bearer {text.reveal()}".encode() for who, (_, text) in given_out.items()}
    app = build_app(ansel, doors=Doors(limits=UNLIMITED))
    async with app.router.lifespan_context(app):
        served = Served(runner=runner, app=app, ansel=ansel, keys={**keys, Who.WRONG: b"Bearer wrong"})
        await served.sign_in()
        yield served


@pytest.fixture(scope="module", params=["memory", "postgresql"])
def served(
    request: pytest.FixtureRequest, postgres_server: PostgresServer, database_names: Iterator[str]
) -> Iterator[Served]:
    name = next(database_names)
    clock = FakeClock()
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def advance(seconds: float) -> None:
            clock.advance(timedelta(seconds=seconds))

        async def open_all() -> Served:
            if request.param == "memory":
                ansel = await stack.enter_async_context(open_in_memory(clock=clock, api_key=KEY))
                return await stack.enter_async_context(serving(runner, ansel, advance))
            settings = Settings(encryption_key=generate_secret(), api_key=KEY)
            ansel = await stack.enter_async_context(open_on(Secret(postgres_server.create(name)), settings))
            return await stack.enter_async_context(serving(runner, ansel, asyncio.sleep))

        served = runner.run(open_all())
        yield served
        if "REQUESTS" in os.environ:
            told = f"{served.statuses.total()} requests over {request.param}: {dict(sorted(served.statuses.items()))}"
            request.config.get_terminal_writer().line(told)
        runner.run(stack.aclose())
    postgres_server.drop(name)


@settings(max_examples=REQUESTS // 2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=any_request)
def test_no_request_is_a_failure_of_ours(served: Served, sent: Sent) -> None:
    reply = served.runner.run(sent_and_judged(served, sent))
    assert 200 <= reply.status < 500 or (sent.path, reply.status) == ("/readyz", 503), reply
    assert reply.headers["x-request-id"]
    assert reply.headers["content-security-policy"]
    if not sent.path.startswith("/api/"):
        return
    refused = {400, 421}  # before anybody asks for a key: what is no HTTP, and another host's name
    if sent.who in STRANGERS:
        assert reply.status in {401, *refused}
    if sent.who is Who.READER and sent.method not in ("GET", "HEAD", "OPTIONS"):
        assert reply.status in {403, *refused}
    if reply.body:
        content = json.loads(reply.body)
        assert content["success"] is (reply.status < 400)
        assert content["success"] or (content["error"] and content["code"].isupper())


async def sent_and_judged(served: Served, sent: Sent) -> Reply:
    """The answer, after which nothing is half done, only who may has changed anything, and that is written down."""
    studios = (DEFAULT_STUDIO, NEIGHBOURS)
    before = served.kept or {studio: (await served.look(studio), await served.last_deed(studio)) for studio in studios}
    reply = await served.answer(sent)
    served.kept = {studio: (await served.look(studio), await served.last_deed(studio)) for studio in studios}
    for studio, may in ((DEFAULT_STUDIO, sent.who in MAY_CHANGE), (NEIGHBOURS, sent.who is Who.NEIGHBOUR)):
        (had, last), (has, newest) = before[studio], served.kept[studio]
        assert had == has or (may and reply.status < 400 and last != newest), f"{studio}: {had} -> {has}"
    return reply


async def test_these_requests_go_to_every_route() -> None:
    async with open_in_memory() as ansel:
        app = build_app(ansel)
    routes = {
        f"{method} {re.sub('{[a-z]+}', '{}', route.path)}"  # type: ignore[attr-defined]
        for route in app.routes
        for method in route.app.handlers  # type: ignore[attr-defined]
        if method != "HEAD"
    }
    assert routes == set(CALLS)

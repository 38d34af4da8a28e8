"""Whatever comes in, nothing of it is a failure of ours."""

import asyncio
import json
import string
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.strategies import SearchStrategy
from starlette.applications import Starlette

from anselai.container import open_in_memory
from anselai.entrypoints.http.app import build_app
from tests.fakes import FakeClock
from tests.integration.http.asking import ask

CONNECTION = "refreshToken accountId tokenExpiresAt scopes"
SCHEDULE = "cron timezone catchUp"
CALLS = {  # the fields that a call knows: those before the bar are always given
    "GET /api/connections": "|",
    "POST /api/connections": f"platform accessToken | {CONNECTION}",
    "GET /api/connections/{}": "|",
    "PUT /api/connections/{}": f"| accessToken {CONNECTION}",
    "DELETE /api/connections/{}": "|",
    "POST /api/connections/{}/test": "|",
    "POST /api/sync/{}": "| frequency",
    "PUT /api/sync/{}/schedule": f"frequency | {SCHEDULE} enabled",
    "GET /api/sync/{}/explain": "|",
    "GET /api/sync/status": "|",
    "GET /api/sync/log": "| platform outcome trigger since until limit cursor",
    "GET /api/sync/jobs/{}": "|",
    "GET /api/metrics/overview": "| from to",
    "GET /api/metrics/{}": "| from to",
    "GET /api/platforms": "|",
    "GET /healthz": "|",
    "GET /": "|",
    "GET /connections": "| done",
    "POST /connections/{}/connect": f"accessToken | {CONNECTION}",
    "POST /connections/{}/test": "|",
    "POST /connections/{}/refresh": "|",
    "GET /connections/{}/remove": "|",
    "GET /sync": "| platform outcome trigger cursor done",
    "GET /sync/{}/explain": "|",
    "POST /sync/{}/{}/run": "|",
    "POST /sync/{}/{}/pause": "|",
    "POST /sync/{}/{}/resume": "|",
    "GET /sync/{}/{}/schedule": "|",
    "POST /sync/{}/{}/schedule": f"{SCHEDULE} |",
    "GET /static/{}": "|",
}
PLATFORMS = ["google", "meta", "pinterest", "tiktok"]
FREQUENCIES = ["hourly", "daily", "weekly"]
WORDS = {
    "platform": PLATFORMS,
    "accessToken": ["token", "bad token"],
    "refreshToken": ["token", "bad token"],
    "accountId": ["studio-7"],
    "tokenExpiresAt": ["2026-05-20T12:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-05-20"],
    "scopes": ["read", "read, write"],
    "frequency": FREQUENCIES,
    "cron": ["30 6 * * *", "*/5 * * * *", "0 0 30 2 *", "H * * * *", "60 * * * *"],
    "timezone": ["UTC", "Europe/Berlin", "Mars/Base", "/etc/passwd"],
    "enabled": ["true"],
    "catchUp": ["latest", "all", "skip"],
    "outcome": ["succeeded", "api_error"],
    "trigger": ["manual", "api"],
    "since": ["2026-05-20T12:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"],
    "until": ["2026-05-20T12:00:00Z"],
    "limit": ["1", "200", "201", "-1", "5e1"],
    "cursor": ["MQ", "Mg", "====", "é"],
    "from": ["2026-05-20", "0001-01-01", "9999-12-31"],
    "to": ["2026-05-20", "0001-01-01", "9999-12-31"],
    "done": ["connected"],
}
JSON, FORM = b"application/json", b"application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Sent:
    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    chunks: list[bytes]


texts = some.text(max_size=20)
values = some.recursive(
    some.one_of(some.none(), some.booleans(), some.integers(), some.floats(), texts),
    lambda inner: some.one_of(some.lists(inner, max_size=4), some.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)


def fields_of(names: str, others: SearchStrategy[object]) -> SearchStrategy[dict[str, object]]:
    """The fields of a call, mostly with values that fit them, and now and then one that it does not know."""
    given = {name: some.one_of(some.sampled_from(words), others) for name, words in WORDS.items()}
    needed, optional = ({name: given[name] for name in part.split()} for part in names.split("|"))
    return some.fixed_dictionaries(needed, optional={**optional, "colour": some.just("red")})


def called(call: str, names: str) -> SearchStrategy[Sent]:
    """A request as a client might send it: the right method and type, and fields that are often right."""
    method, pattern = call.split()
    is_api = pattern.startswith("/api/")

    def sent(platform: str, other: str, fields: dict[str, object]) -> Sent:
        form = urlencode(fields, errors="replace").encode()
        body = b"" if method == "GET" else json.dumps(fields).encode() if is_api else form
        query = form if method == "GET" else b""
        return Sent(
            method, pattern.format(platform, other), query, [(b"content-type", JSON if is_api else FORM)], [body]
        )

    return some.builds(
        sent,
        some.one_of(some.sampled_from(PLATFORMS), some.text(min_size=1, max_size=10)),
        some.one_of(some.sampled_from(FREQUENCIES), some.text(min_size=1, max_size=10)),
        fields_of(names, texts if method == "GET" or not is_api else values),
    )


likely = some.one_of(*(called(*each) for each in CALLS.items()))
wild = some.builds(
    lambda method, path, query, headers, body, cut: Sent(
        method, path, query, list(headers.items()), [body[:cut], body[cut:]]
    ),
    some.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]),
    some.one_of(
        some.text(max_size=40).map("/{}".format),
        some.text(max_size=40).map("/api/{}".format),
        some.builds(lambda call, text: call.split()[1].format(text, text), some.sampled_from(list(CALLS)), texts),
    ),
    some.binary(max_size=60),
    some.dictionaries(
        some.sampled_from(
            [b"content-type", b"x-request-id", b"content-length", b"if-none-match", b"sec-fetch-site", b"origin"]
        ),
        some.one_of(
            some.sampled_from([JSON, FORM, b"same-origin"]),
            some.text(string.printable, max_size=40).map(lambda text: text.encode("latin-1")),
            some.binary(max_size=20),
        ),
        max_size=3,
    ),
    some.one_of(some.binary(max_size=80), values.map(lambda value: json.dumps(value).encode())),
    some.integers(0, 10),
)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[asyncio.Runner, Starlette]]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def open_all() -> Starlette:
            ansel = await stack.enter_async_context(open_in_memory(clock=FakeClock()))
            await ansel.connections.save_connection("google", access_token="token", refresh_token="token")
            app = build_app(ansel)
            await stack.enter_async_context(app.router.lifespan_context(app))
            return app

        yield runner, runner.run(open_all())
        runner.run(stack.aclose())


@settings(max_examples=1000, deadline=None)
@given(sent=some.one_of(likely, likely, wild))
def test_no_request_is_a_failure_of_ours(served: tuple[asyncio.Runner, Starlette], sent: Sent) -> None:
    runner, app = served
    headers = [(b"host", b"localhost"), *sent.headers]
    reply = runner.run(ask(app, sent.method, sent.path, query=sent.query, headers=headers, chunks=sent.chunks))
    assert 200 <= reply.status < 500, reply
    assert reply.headers["x-request-id"]
    if sent.path.startswith("/api/") and reply.body:
        content = json.loads(reply.body)
        assert content["success"] is (reply.status < 400)
        assert content["success"] or (content["error"] and content["code"].isupper())

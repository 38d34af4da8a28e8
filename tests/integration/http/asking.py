"""Ways to ask an application, and AnselAIs that fail as they are told."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx
from starlette.applications import Starlette
from starlette.types import Message, Scope

from anselai.application.ansel import Ansel
from anselai.domain.secret import Secret
from anselai.entrypoints.http.areas import is_for_programs

KEY = Secret("tests-only-4b1f0c7a9e2d8365-not-a-secret")  # ANSELAI_API_KEY
BEARER = (b"authorization", f"Bearer {KEY.reveal()}".encode())
FORM_TYPE = "application/x-www-form-urlencoded"

JSON = [(b"host", b"127.0.0.1:3200"), (b"content-type", b"application/json")]


@dataclass(slots=True, kw_only=True)
class Reply:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunks_read: int = 0


async def ask(
    app: Starlette,
    method: str,
    path: str,
    *,
    query: bytes = b"",
    headers: Iterable[tuple[bytes, bytes]] = JSON,
    chunks: Sequence[bytes] = (b"",),
    known: bool = True,
    client: str = "127.0.0.1",
) -> Reply:
    """Ask with exactly these bytes, also such that no HTTP client would send.

    Whoever asks is `known`: programs by the key, and browsers by a session that was begun with it.
    """
    headers = list(headers)
    if known and not any(name == b"authorization" for name, _ in headers):
        headers += [BEARER] if is_for_programs(path) else [await session_of(app, headers)]
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "server": ("127.0.0.1", 3200),
        "client": (client, 50000),
    }
    reply = Reply()

    async def receive() -> Message:
        if reply.chunks_read == len(chunks):
            return {"type": "http.disconnect"}
        reply.chunks_read += 1
        more = reply.chunks_read < len(chunks)
        return {"type": "http.request", "body": chunks[reply.chunks_read - 1], "more_body": more}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            assert reply.status == 0, "two answers to one request"
            reply.status = message["status"]
            reply.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            reply.body += message["body"]

    await app(scope, receive, send)
    return reply


async def session_of(app: Starlette, headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """A Cookie header of somebody who signed in with the key, as it is called under that Host."""
    if getattr(app.state, "cookie_of_tests", None) is None:
        host = [(b"host", b"127.0.0.1")]
        page = await ask(app, "GET", "/sign-in", headers=host, known=False)
        form = f"formToken={form_token(page.body.decode())}&apiKey={KEY.reveal()}".encode()
        sent = [*host, (b"content-type", FORM_TYPE.encode()), (b"cookie", page.headers["set-cookie"].encode())]
        reply = await ask(app, "POST", "/sign-in", headers=sent, chunks=[form], known=False)
        assert reply.status == 303, reply
        app.state.cookie_of_tests = reply.headers["set-cookie"].partition(";")[0].partition("=")[2]
    port = next((value for name, value in headers if name == b"host"), b"").rpartition(b":")[2]
    return b"cookie", b"anselai-%s=%s" % (port if port.isdigit() else b"80", app.state.cookie_of_tests.encode())


def form_token(html: str) -> str:
    found = re.search(r'name="formToken" value="([^"]+)"', html)
    assert found is not None, html
    return found[1]


class Known(httpx.Auth):
    """Lets a client be known: by the key at the API, and in forms by the token of its session."""

    requires_request_body = True

    def __init__(self, token: str) -> None:
        self.token = token

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        body, given = await request.aread(), request.headers
        if is_for_programs(request.url.path):
            given.setdefault("authorization", BEARER[1].decode())
        elif request.method == "POST" and given.get("content-type", FORM_TYPE).startswith(FORM_TYPE):
            content = body if b"formToken=" in body else f"formToken={self.token}&".encode() + body
            kept = {name: value for name, value in given.multi_items() if name != "content-length"}
            request = httpx.Request("POST", request.url, headers={"content-type": FORM_TYPE, **kept}, content=content)
        yield request


async def sign_in(client: httpx.AsyncClient) -> None:
    """With the key, so that the client sees pages, and what it sends is sent by forms of ours."""
    token = form_token((await client.get("/sign-in")).text)
    answer = await client.post("/sign-in", data={"formToken": token, "apiKey": KEY.reveal()})
    assert answer.status_code == 303, answer.text
    client.auth = Known(form_token((await client.get("/sync")).text))


async def connect(client: httpx.AsyncClient, platform: str = "google", **fields: object) -> dict[str, Any]:
    """Connect a platform through the API; the connection as it was answered."""
    body = {"platform": platform, "accessToken": "access-1", **fields}
    response = await client.post("/api/connections", json=body)
    assert response.status_code == 201, response.text
    return cast("dict[str, Any]", response.json()["data"])


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an error, after a look at its envelope."""
    content = response.json()
    assert content["success"] is False
    assert content["error"].endswith((".", "?")) or "anselai" in content["error"]
    return response.status_code, content["code"]


class Failing:
    """Stands in for any port: every method of it raises the same error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def fail(*_: object, **__: object) -> Any:
            raise self.error

        return fail


def failing(ansel: Ansel, error: Exception) -> Ansel:
    """The same AnselAI with every store raising that error."""
    away = cast("Any", Failing(error))
    return replace(
        ansel,
        connections=replace(ansel.connections, connections=away),
        scheduler=replace(ansel.scheduler, connections=away, schedules=away, jobs=away, sync_log=away, workers=away),
        insights=replace(ansel.insights, records=away),
        platforms=replace(ansel.platforms, connections=away),
        monitoring=replace(ansel.monitoring, jobs=away, workers=away),
        sync_log=away,
        health=away,
    )

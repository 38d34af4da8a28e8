"""Ways to ask an application, and AnselAIs that fail as they are told."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import httpx
from starlette.applications import Starlette
from starlette.types import Message, Scope

from anselai.application.ansel import Ansel

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
) -> Reply:
    """Ask with exactly these bytes, also such that no HTTP client would send."""
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "server": ("127.0.0.1", 3200),
        "client": ("127.0.0.1", 50000),
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

"""A call of every route, in the process and without a socket, over a rehearsal."""

import json
import re
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message

from anselai.application.ansel import Ansel
from anselai.entrypoints.foundation_steps import ACCESS_TOKEN, REFRESH_TOKEN, STUB, CheckFailed
from anselai.entrypoints.http.app import build_app

CONNECTION = {"platform": STUB, "accessToken": ACCESS_TOKEN, "refreshToken": REFRESH_TOKEN}
AT_NIGHT = {"frequency": "daily", "cron": "30 4 * * *", "timezone": "Europe/Berlin"}

# In this order: method, path, JSON body, expected status. `{job}` is the job that the sync before it queued.
CALLS: tuple[tuple[str, str, object, int], ...] = (
    ("GET", "/healthz", None, 200),
    ("GET", "/readyz", None, 200),
    ("GET", "/metrics", None, 200),
    ("GET", "/api/platforms", None, 200),
    ("POST", "/api/connections", CONNECTION, 201),
    ("POST", "/api/connections", CONNECTION, 409),
    ("POST", "/api/connections", {}, 422),
    ("GET", "/api/connections", None, 200),
    ("GET", f"/api/connections/{STUB}", None, 200),
    ("PUT", f"/api/connections/{STUB}", {"accountId": "check"}, 200),
    ("PUT", f"/api/connections/{STUB}", None, 200),
    ("POST", f"/api/connections/{STUB}/test", None, 200),
    ("POST", f"/api/sync/{STUB}", None, 202),
    ("GET", "/api/sync/jobs/{job}", None, 200),
    ("GET", f"/api/sync/{STUB}/explain", None, 200),
    ("DELETE", "/api/sync/jobs/{job}", None, 200),
    ("DELETE", "/api/sync/jobs/{job}", None, 409),
    ("PUT", f"/api/sync/{STUB}/schedule", AT_NIGHT, 200),
    ("GET", "/api/sync/status", None, 200),
    ("GET", "/api/sync/log", None, 200),
    ("GET", "/api/metrics/overview", None, 200),
    ("GET", f"/api/metrics/{STUB}", None, 200),
    ("GET", "/", None, 200),
    ("GET", "/connections", None, 200),
    ("GET", f"/connections/{STUB}/remove", None, 200),
    ("GET", "/sync", None, 200),
    ("GET", f"/sync/{STUB}/explain", None, 200),
    ("GET", f"/sync/{STUB}/daily/schedule", None, 200),
    ("DELETE", f"/api/connections/{STUB}", None, 200),
    ("GET", f"/connections/{STUB}/connect", None, 200),
    ("GET", f"/api/connections/{STUB}", None, 404),
    ("GET", "/api/nothing-here", None, 404),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    status: int
    body: bytes


async def every_route(ansel: Ansel) -> str:
    """Each call answers with its status and tells no token, and what a page asks for is there."""
    await ansel.scheduler.workers.beat(ansel.worker.id, "check", 0)  # /readyz wants a scheduler alive
    app = build_app(ansel, scheduler_runs_here=False)
    files: set[str] = set()
    job = ""
    async with app.router.lifespan_context(app):
        for method, path, body, expected in CALLS:
            answered = await _expect(app, method, path.format(job=job), body, expected)
            files.update(re.findall(r'(?:href|src)="(/static/[^"]+)"', answered.body.decode()))
            if path == f"/api/sync/{STUB}":
                job = json.loads(answered.body)["data"]["id"]
        for path in sorted(files):
            await _expect(app, "GET", path, None, 200)
    return f"{len(CALLS) + len(files)} calls of every route, each answered as expected and without a token"


async def _expect(app: ASGIApp, method: str, path: str, body: object, expected: int) -> Answered:
    answered = await call(app, method, path, body)
    if answered.status != expected:
        raise CheckFailed(f"{method} {path} answered {answered.status}, not {expected}")
    if ACCESS_TOKEN.encode() in answered.body or REFRESH_TOKEN.encode() in answered.body:
        raise CheckFailed(f"{method} {path} told a token")
    return answered


async def call(app: ASGIApp, method: str, path: str, body: object = None) -> Answered:
    """One request to an ASGI app, as a server would make it."""
    content = b"" if body is None else json.dumps(body).encode()
    path, _, query = path.partition("?")
    headers = [(b"host", b"127.0.0.1"), (b"content-length", b"%d" % len(content))]
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers if body is None else [*headers, (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = next(each for each in sent if each["type"] == "http.response.start")
    return Answered(status=start["status"], body=b"".join(each.get("body", b"") for each in sent))

"""A call of every route, in the process and without a socket, over a rehearsal."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.types import ASGIApp, Message

from anselai.application.ansel import Ansel
from anselai.domain.secret import Secret
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
    ("GET", "/sign-in", None, 303),
    ("GET", "/sign-in/no-such-code", None, 200),
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
WITHOUT_A_KEY = {"/healthz": 200, "/readyz": 200, "/sign-in": 200, "/sign-in/no-such-code": 200}
TURNED_AWAY, SENT_TO_SIGN_IN = 401, 303


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    status: int
    body: bytes
    cookie: bytes


@dataclass(slots=True, kw_only=True)
class Visitor:
    """Asks with a key, or with none, and keeps the cookie that it is given."""

    app: ASGIApp
    key: Secret | None = None
    cookie: bytes = field(default=b"", repr=False)

    async def ask(self, method: str, path: str, body: object = None) -> Answered:
        content = b"" if body is None else json.dumps(body).encode()
        return await self._send(method, path, content, b"application/json")

    async def submit(self, path: str, form: dict[str, str]) -> Answered:
        return await self._send("POST", path, urlencode(form).encode(), b"application/x-www-form-urlencoded")

    async def _send(self, method: str, path: str, content: bytes, media_type: bytes) -> Answered:
        headers = [(b"host", b"127.0.0.1"), (b"content-length", b"%d" % len(content))]
        if content:
            headers.append((b"content-type", media_type))
        if self.cookie:
            headers.append((b"cookie", self.cookie))
        if self.key is not None:
            headers.append((b"authorization", f"Bearer {self.key.reveal()}".encode()))
        answered = await call(self.app, method, path, content, headers)
        self.cookie = answered.cookie or self.cookie
        return answered


async def every_route(ansel: Ansel) -> str:
    """Each call answers with its status, tells no token, and nothing without a key; what a page asks for is there."""
    await ansel.scheduler.workers.beat(ansel.worker.id, "check", 0)  # /readyz wants a scheduler alive
    _, key = await ansel.access.create_key("check")
    app = build_app(ansel, scheduler_runs_here=False)
    visitor, files, job = Visitor(app=app, key=key), set[str](), ""
    async with app.router.lifespan_context(app):
        for method, path, _, _ in CALLS:
            await _expect(Visitor(app=app), method, path, None, _without_a_key(path))
        await _sign_in(visitor, key)
        for method, path, body, expected in CALLS:
            answered = await _expect(visitor, method, path.format(job=job), body, expected)
            files.update(re.findall(r'(?:href|src)="(/static/[^"]+)"', answered.body.decode()))
            if path == f"/api/sync/{STUB}":
                job = json.loads(answered.body)["data"]["id"]
        for path in sorted(files):
            await _expect(visitor, "GET", path, None, 200)
    calls = len(CALLS) + len(files)
    return f"{calls} calls of every route, each answered as expected, only with a key, and without a token"


def _without_a_key(path: str) -> int:
    is_for_programs = path.startswith("/api/") or path == "/metrics"
    return WITHOUT_A_KEY.get(path, TURNED_AWAY if is_for_programs else SENT_TO_SIGN_IN)


async def _sign_in(visitor: Visitor, key: Secret) -> None:
    page = await visitor.ask("GET", "/sign-in")
    found = re.search(r'name="formToken" value="([^"]+)"', page.body.decode())
    answered = await visitor.submit(
        "/sign-in", {"formToken": found[1] if found else "", "apiKey": key.reveal(), "next": "/"}
    )
    if answered.status != SENT_TO_SIGN_IN:
        raise CheckFailed(f"signing in answered {answered.status}, not {SENT_TO_SIGN_IN}")


async def _expect(visitor: Visitor, method: str, path: str, body: object, expected: int) -> Answered:
    answered = await visitor.ask(method, path, body)
    if answered.status != expected:
        raise CheckFailed(f"{method} {path} answered {answered.status}, not {expected}")
    if ACCESS_TOKEN.encode() in answered.body or REFRESH_TOKEN.encode() in answered.body:
        raise CheckFailed(f"{method} {path} told a token")
    return answered


async def call(
    app: ASGIApp, method: str, path: str, content: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = ()
) -> Answered:
    """One request to an ASGI app, as a server would make it."""
    path, _, query = path.partition("?")
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
        "headers": list(headers),
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
    cookies = [value.partition(b";")[0] for name, value in start["headers"] if name == b"set-cookie"]
    body = b"".join(each.get("body", b"") for each in sent)
    return Answered(status=start["status"], body=body, cookie=cookies[-1] if cookies else b"")

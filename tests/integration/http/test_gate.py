"""What holds for every answer: its id, its headers, its methods, and what nobody foresaw."""

import json
import logging
from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette

from anselai.application.ansel import Ansel
from anselai.domain.errors import StoreUnavailable
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.areas import is_for_programs
from anselai.entrypoints.http.head import LARGEST_HEAD
from anselai.entrypoints.logs import SpareRepeats
from tests.integration.http.asking import BEARER, JSON, ask, failing, refusal, session_of

CANARY = "canary-4711.token"
HOST = (b"host", b"127.0.0.1:3200")
EVERYWHERE = [
    ("GET", "/api/connections", 200),
    ("GET", "/api/connections/google", 404),
    ("POST", "/api/connections", 422),
    ("PATCH", "/api/connections", 405),
    ("OPTIONS", "/api/connections", 204),
    ("GET", "/api/nothing", 404),
    ("GET", "/api", 404),
    ("GET", "/api/", 404),
    ("GET", "/healthz", 200),
    ("GET", "/readyz", 503),
    ("GET", "/", 200),
    ("GET", "/connections", 200),
    ("GET", "/sync", 200),
    ("GET", "/nothing", 404),
    ("PUT", "/", 405),
    ("GET", "/static/anselai.css", 200),
    ("GET", "/static/nothing.css", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), EVERYWHERE)
async def test_every_answer_has_an_id_and_the_headers_of_a_careful_site(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    response = await client.request(method, path)
    assert response.status_code == status
    assert len(response.headers["x-request-id"]) == 16
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "same-origin"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["cache-control"] == ("no-cache" if path == "/static/anselai.css" else "no-store")


@pytest.mark.parametrize("id_", ["a", "7f.A-_", "x" * 64])
async def test_a_well_formed_id_of_the_caller_is_kept(client: httpx.AsyncClient, id_: str) -> None:
    response = await client.get("/api/connections", headers={"x-request-id": id_})
    assert response.headers["x-request-id"] == id_


@pytest.mark.parametrize("id_", ["", "x" * 65, "a b", "a\tb", "<script>", "é"])
async def test_any_other_id_is_replaced(client: httpx.AsyncClient, id_: str) -> None:
    response = await client.get("/api/connections", headers=[(b"x-request-id", id_.encode())])
    assert response.headers["x-request-id"] != id_
    assert len(response.headers["x-request-id"]) == 16


async def test_two_requests_have_two_ids(client: httpx.AsyncClient) -> None:
    first, second = await client.get("/healthz"), await client.get("/healthz")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/connections",
        "/api/sync/status",
        "/api/nothing",
        "/healthz",
        "/",
        "/sync",
        "/nothing",
        "/static/anselai.css",
    ],
)
async def test_head_is_get_without_the_body(client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-length"] == str(len(got.content))


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/api/connections", "GET, POST, HEAD, OPTIONS"),
        ("/api/connections/google", "GET, PUT, DELETE, HEAD, OPTIONS"),
        ("/api/connections/google/test", "POST, OPTIONS"),
        ("/api/sync/google", "POST, OPTIONS"),
        ("/api/sync/google/schedule", "PUT, OPTIONS"),
        ("/api/sync/status", "GET, HEAD, OPTIONS"),
        ("/api/sync/log", "GET, HEAD, OPTIONS"),
        ("/api/sync/jobs/7", "GET, DELETE, HEAD, OPTIONS"),
        ("/api/metrics/overview", "GET, HEAD, OPTIONS"),
        ("/api/metrics/google", "GET, HEAD, OPTIONS"),
        ("/api/platforms", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_path_tells_its_methods_and_refuses_others(client: httpx.AsyncClient, path: str, allow: str) -> None:
    options = await client.options(path)
    assert (options.status_code, options.headers["allow"], options.content) == (204, allow, b"")
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - set(allow.split(", ")):
        response = await client.request(method, path)
        assert refusal(response) == (405, "METHOD_NOT_ALLOWED")
        assert response.headers["allow"] == allow


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/connections/",
        "/api//connections",
        "/api/connections/google/",
        "/api/Connections",
        "/api/x",
    ],
)
async def test_an_address_that_there_is_not_is_not_found_in_json(client: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        assert refusal(await client.request(method, path)) == (404, "NOT_FOUND")


async def test_what_nobody_foresaw_is_told_by_its_id_alone(ansel: Ansel, caplog: pytest.LogCaptureFixture) -> None:
    app = build_app(failing(ansel, RuntimeError(f"no {CANARY}")))
    body = json.dumps({"platform": "google", "accessToken": CANARY}).encode()
    for method, path in (("GET", "/api/connections"), ("POST", "/api/connections"), ("GET", "/connections")):
        caplog.clear()
        reply = await ask(app, method, path, headers=[*JSON, (b"x-request-id", b"my-id")], chunks=[body])
        text = reply.body.decode()
        assert reply.status == 500
        assert "my-id" in text
        assert "RuntimeError" not in text
        assert CANARY not in text
        assert f"{method} {path}: 500 INTERNAL_ERROR, request my-id" in caplog.text
        assert "RuntimeError" in caplog.text
        assert "in fail" in caplog.text, "the traceback says where"
        assert CANARY not in caplog.text


async def test_the_cause_of_an_error_is_logged_without_its_words(
    ansel: Ansel, caplog: pytest.LogCaptureFixture
) -> None:
    error = RuntimeError(CANARY)
    error.__cause__ = ValueError(CANARY)
    await ask(build_app(failing(ansel, error)), "GET", "/api/connections")
    assert "builtins.ValueError\nwhich led to\n" in caplog.text
    assert CANARY not in caplog.text


async def test_an_error_is_one_line_of_the_log_with_the_route_and_never_the_path(
    ansel: Ansel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "anselai.http")
    app = build_app(ansel)
    await ask(app, "GET", f"/api/connections/{CANARY}", headers=[HOST, (b"x-request-id", b"one")])
    await ask(app, "GET", f"/api/{CANARY}", headers=[HOST, (b"x-request-id", b"two")])
    await ask(app, "DELETE", "/api/connections/google", headers=[HOST, (b"origin", b"null"), (b"x-request-id", b"3")])
    away = build_app(failing(ansel, StoreUnavailable()))
    await ask(away, "GET", "/api/connections", headers=[HOST, (b"x-request-id", b"four")])
    assert [(each.levelname, each.message) for each in caplog.records] == [
        ("INFO", "GET /api/connections/{platform}: 404 UNKNOWN_PLATFORM, request one"),
        ("INFO", "GET /api/*: 404 NOT_FOUND, request two"),
        ("WARNING", "DELETE /api/*: 403 CROSS_SITE_REQUEST, request 3"),
        ("ERROR", "GET /api/connections: 503 STORE_UNAVAILABLE, request four"),
    ]


@pytest.mark.parametrize("error", [StoreUnavailable(), RuntimeError("unforeseen")])
async def test_equal_errors_are_told_once_though_each_request_has_its_own_id(
    ansel: Ansel, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    caplog.handler.addFilter(spare := SpareRepeats())
    away = build_app(replace(failing(ansel, error), sync_log=ansel.sync_log))
    try:
        for _ in range(50):
            error.__traceback__ = None  # which otherwise grows each time the same error is raised
            assert (await ask(away, "GET", "/api/connections")).status >= 500
        once = len(caplog.records)
        await ask(away, "GET", "/api/sync/status")
    finally:
        caplog.handler.removeFilter(spare)
    assert once == (1 if isinstance(error, StoreUnavailable) else 2), "the second tells where it happened"
    assert len(caplog.records) > once, "another route is something else"


@pytest.mark.parametrize("path", ["/api/connections", "/sync", "/healthz", "/api/nothing"])
async def test_a_head_is_refused_above_its_limit_and_not_at_it(app: Starlette, path: str) -> None:
    known = BEARER if is_for_programs(path) else await session_of(app, [HOST])
    fixed = len(path) + sum(len(name) + len(value) + 4 for name, value in (HOST, known))

    def asked(size: int, *, query: int, headers: int) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        left = size - fixed - query - headers * len(b"x-padding: \r\n")
        values = [b"v" * (left // headers)] * (headers - 1) + [b"v" * (left - left // headers * (headers - 1))]
        return b"q" * query, [HOST, known, *((b"x-padding", value) for value in values)]

    for query, headers in ((0, 1), (20_000, 1), (1, 500)):
        parts = asked(LARGEST_HEAD, query=query, headers=headers)
        assert (await ask(app, "GET", path, query=parts[0], headers=parts[1], known=False)).status != 431
        parts = asked(LARGEST_HEAD + 1, query=query, headers=headers)
        reply = await ask(app, "GET", path, query=parts[0], headers=parts[1], known=False)
        assert reply.status == 431
        assert len(reply.headers["x-request-id"]) == 16
        assert b"HEAD_TOO_LARGE" in reply.body
        assert reply.headers["content-type"].startswith("text/html" if path == "/sync" else "application/json")


async def test_the_path_counts_as_it_was_sent(app: Starlette) -> None:
    reply = await ask(app, "GET", "/api/" + "x" * LARGEST_HEAD, headers=[HOST])
    assert (reply.status, json.loads(reply.body)["code"]) == (431, "HEAD_TOO_LARGE")
    assert len(reply.body) < 1000


async def test_the_api_recovers_by_itself_when_the_store_does(ansel: Ansel) -> None:
    broken = failing(ansel, StoreUnavailable())
    app = build_app(broken)
    assert (await ask(app, "GET", "/api/connections")).status == 503
    stores = broken.connections.connections
    stores.__dict__["list"] = ansel.connections.connections.list
    assert (await ask(app, "GET", "/api/connections")).status == 200


async def test_a_web_socket_is_turned_away(app: Starlette) -> None:
    sent = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: object) -> None:
        sent.append(message)

    await app({"type": "websocket", "path": "/api/connections", "headers": [], "root_path": ""}, receive, send)
    assert [each["type"] for each in sent] == ["websocket.close"]  # type: ignore[index]

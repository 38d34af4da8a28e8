"""Who gets in at the API: by a key, with its rights, and nobody else."""

import json
from dataclasses import replace
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette

from anselai.application.ansel import Ansel
from anselai.domain.audit import AuditAction
from anselai.domain.errors import StoreUnavailable
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.doors import Doors, Limits
from anselai.entrypoints.http.resource import Resource
from tests.integration.http.asking import BEARER, JSON, KEY, Failing, Reply, ask, connect, failing

HOST = (b"host", b"127.0.0.1:3200")
PATIENT = Doors(limits=Limits(wrong_keys=1000))  # hears more wrong keys from one address than are asked with here
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
PATHS = ["/api", "/api/", "/api/connections", "/api/connections/google", "/api/sync/jobs/7", "/api/nothing", "/api//x"]
NO_KEYS = [
    [],
    [(b"authorization", b"")],
    [(b"authorization", b"Bearer")],
    [(b"authorization", b"Bearer ")],
    [(b"authorization", b"Bearer wrong")],
    [(b"authorization", b"Bearer \xff\xfe")],
    [(b"authorization", b"Bearer ansel_" + b"0" * 32 + b"_" + b"a" * 43)],
    [(b"authorization", b"Basic " + KEY.reveal().encode())],
    [(b"authorization", KEY.reveal().encode())],
    [(b"authorization", BEARER[1] + b"x")],
    [BEARER, BEARER],
    [BEARER, (b"authorization", b"Bearer wrong")],
    [(b"x-api-key", KEY.reveal().encode())],
    [(b"cookie", b"anselai-3200=" + KEY.reveal().encode())],
]


def routes_of(app: Starlette) -> list[tuple[str, str]]:
    """Every method of every route, with names in the place of its parameters."""
    found = []
    for route in app.routes:
        path = route.path.format(platform="google", id="7", frequency="daily", name="x", code="x")  # type: ignore[attr-defined]
        assert isinstance(route.app, Resource)  # type: ignore[attr-defined]
        found += [(method, path) for method in route.app.handlers]  # type: ignore[attr-defined]
    return found


def seen(reply: Reply) -> tuple[int, bytes, dict[str, str]]:
    """All that an answer tells but for its id."""
    return reply.status, reply.body, {name: value for name, value in reply.headers.items() if name != "x-request-id"}


async def key_of(ansel: Ansel, *scopes: str, studio: str = "default") -> tuple[bytes, bytes]:
    """The header with a new key."""
    _, text = await ansel.access.create_key("test", scopes=scopes, studio=studio)
    return b"authorization", f"Bearer {text.reveal()}".encode()


@pytest.mark.parametrize("headers", NO_KEYS)
async def test_without_a_key_every_path_answers_the_same_whatever_is_asked(
    ansel: Ansel, headers: list[tuple[bytes, bytes]]
) -> None:
    app = build_app(ansel, doors=PATIENT)
    first = await ask(app, "GET", "/api/connections", headers=[HOST], known=False)
    assert (first.status, first.headers["www-authenticate"]) == (401, "Bearer")
    assert json.loads(first.body)["code"] == "UNAUTHENTICATED"
    for path in PATHS:
        for method in METHODS:
            reply = await ask(app, method, path, headers=[HOST, *headers], chunks=[b"{", b"nonsense"], known=False)
            status, body, told = seen(reply)
            assert (status, told) == (401, seen(first)[2])
            assert body == (b"" if method == "HEAD" else first.body)
            assert reply.chunks_read == 0, "nothing of the body is read"


async def test_every_route_of_the_api_takes_a_key_and_every_page_a_session(ansel: Ansel) -> None:
    app = build_app(ansel, doors=PATIENT)
    for method, path in routes_of(app):
        reply = await ask(app, method, path, headers=[HOST], known=False)
        if path.startswith("/api") or path == "/metrics":
            assert reply.status == 401, path
        elif path not in ("/healthz", "/readyz", "/sign-in", "/sign-in/x", "/static/x"):
            assert (reply.status, reply.headers["location"].partition("?")[0]) == (303, "/sign-in"), path


async def test_a_key_that_opened_opens_no_more_once_it_is_revoked_or_expired(app: Starlette, ansel: Ansel) -> None:
    view, text = await ansel.access.create_key("test", scopes=["read"])
    header = (b"authorization", f"bearer {text.reveal()}".encode())
    assert (await ask(app, "GET", "/api/connections", headers=[HOST, header])).status == 200
    await ansel.access.revoke_key(view.id)
    assert (await ask(app, "GET", "/api/connections", headers=[HOST, header])).status == 401


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("read", "GET", "/api/connections", 200),
        ("read", "HEAD", "/api/sync/status", 200),
        ("read", "OPTIONS", "/api/sync/google", 204),
        ("read", "GET", "/metrics", 200),
        ("read", "POST", "/api/connections", 403),
        ("read", "PUT", "/api/connections/google", 403),
        ("read", "DELETE", "/api/sync/jobs/7", 403),
        ("read", "POST", "/api/nothing", 403),
        ("read", "BREW", "/api/connections", 403),
        ("write", "GET", "/api/connections", 200),
        ("write", "DELETE", "/api/connections/google", 404),
        ("admin", "DELETE", "/api/connections/google", 404),
    ],
)
async def test_a_key_may_do_what_its_scopes_say(
    app: Starlette, ansel: Ansel, scope: str, method: str, path: str, status: int
) -> None:
    reply = await ask(app, method, path, headers=[*JSON, await key_of(ansel, scope)])
    assert reply.status == status, reply
    if status == 403:
        assert json.loads(reply.body)["code"] == "FORBIDDEN"
        assert reply.chunks_read == 0


async def test_figures_of_all_studios_are_for_the_one_that_runs_this(app: Starlette, ansel: Ansel) -> None:
    await ansel.access.add_studio("darkroom")
    header = await key_of(ansel, "admin", studio="darkroom")
    assert (await ask(app, "GET", "/metrics", headers=[HOST, header])).status == 403
    assert (await ask(app, "GET", "/api/sync/status", headers=[HOST, header])).status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_probe_needs_no_key_and_tells_without_one_only_whether(
    stranger: httpx.AsyncClient, client: httpx.AsyncClient, path: str
) -> None:
    answer = await stranger.get(path)
    told = answer.json()
    assert told == (
        {"success": True, "data": {"alive": True}}
        if path == "/healthz"
        else {"success": False, "error": "Not ready. With an API key this address tells why.", "code": "NOT_READY"}
    )
    wrong = await stranger.get(path, headers={"authorization": "Bearer wrong", "host": "10.1.2.3"})
    assert (wrong.status_code, wrong.json()) == (answer.status_code, told)
    if path == "/readyz":
        assert "No scheduler" in (await client.get(path)).text or "this process" in (await client.get(path)).text


async def test_the_probe_of_the_process_looks_no_key_up(ansel: Ansel) -> None:
    asked = replace(ansel.access.authenticator, api_keys=cast("Any", Failing(AssertionError("a key was looked up"))))
    app = build_app(replace(ansel, access=replace(ansel.access, authenticator=asked)))
    assert (await ask(app, "GET", "/healthz", headers=[HOST, (b"authorization", b"Bearer x")])).status == 200


async def test_a_probe_answers_although_the_store_of_the_keys_is_away(ansel: Ansel) -> None:
    away = failing(ansel, StoreUnavailable())
    reply = await ask(build_app(away), "GET", "/readyz", headers=[HOST, (b"authorization", b"Bearer unknown")])
    assert (reply.status, json.loads(reply.body)["code"]) == (503, "NOT_READY")


async def test_nobody_without_a_key_fills_the_log(app: Starlette, ansel: Ansel) -> None:
    for path in PATHS:
        await ask(app, "POST", path, known=False)
    await ask(app, "GET", "/api/nothing")
    await app.state.api_errors.close()
    assert [each.error_code for each in (await ansel.scheduler.log()).entries] == ["NOT_FOUND"]


async def test_an_error_is_kept_for_the_studio_that_met_it(app: Starlette, ansel: Ansel) -> None:
    await ansel.access.add_studio("darkroom")
    header = await key_of(ansel, "read", studio="darkroom")
    await ask(app, "GET", "/api/nothing", headers=[HOST, header])
    await app.state.api_errors.close()
    assert (await ansel.scheduler.log()).entries == ()
    assert len((await ansel.scheduler.log(studio="darkroom")).entries) == 1


async def test_the_audit_log_knows_who_it_was_and_from_where(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client)
    await client.delete("/api/connections/google", headers={"x-request-id": "the-removal"})
    [removed, *_] = (await ansel.access.audit()).entries
    assert (removed.action, removed.subject) == (AuditAction.CONNECTION_REMOVED, "google")
    assert (removed.actor, removed.address, removed.request_id) == ("key ANSELAI_API_KEY", "127.0.0.1", "the-removal")


async def test_with_the_switch_off_everybody_is_in_and_forms_still_need_their_token(ansel: Ansel) -> None:
    app = build_app(ansel, doors=Doors(auth=False))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:3200") as client:
        assert (await client.get("/api/connections")).status_code == 200
        assert (await client.get("/metrics")).status_code == 200
        assert "Sign out" not in (await client.get("/")).text
        assert (await client.get("/sign-in")).headers["location"] == "/"
        assert (await client.post("/connections/google/test")).status_code == 403
        assert (await client.delete("/api/connections/google", headers={"origin": "null"})).status_code == 403

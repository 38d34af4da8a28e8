"""Who may ask: this machine under its own names, and no page of another site."""

import json

import httpx
import pytest
from starlette.applications import Starlette

from tests.integration.http.asking import ask, connect

HOST = (b"host", b"127.0.0.1:3200")


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:3200", "LOCALHOST:80", "127.0.0.1", "127.1.2.3:3200", "[::1]", "[::1]:3200"],
)
async def test_this_machine_is_known_by_its_own_names(app: Starlette, host: str) -> None:
    for _ in range(2):
        assert (await ask(app, "GET", "/api/connections", headers=[(b"host", host.encode())])).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:3200",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost:3200@evil.example",
        "localhost:x",
        "[::1",
        "[::1]evil",
        "[::1]:",
        "::1",
        "0.0.0.0",  # noqa: S104
        "192.168.1.10:3200",
        "2130706433",
        "127.0.0.1:٣",
        "x" * 5000,
    ],
)
async def test_another_name_is_refused(app: Starlette, host: str) -> None:
    reply = await ask(app, "GET", "/api/connections", headers=[(b"host", host.encode())])
    assert (reply.status, json.loads(reply.body)["code"]) == (421, "HOST_NOT_ALLOWED")
    assert "x-request-id" in reply.headers


@pytest.mark.parametrize("headers", [[], [HOST, HOST]])
async def test_a_request_names_its_host_once(app: Starlette, headers: list[tuple[bytes, bytes]]) -> None:
    assert (await ask(app, "GET", "/", headers=headers)).status == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": ""},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:5000"},
        {"origin": "http://localhost:3200"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        {"origin": "http://127.0.0.1:3200", "sec-fetch-site": "cross-site"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/connections"),
        ("PUT", "/api/connections/google"),
        ("DELETE", "/api/connections/google"),
        ("POST", "/connections/google/remove"),
        ("PATCH", "/api/connections"),
    ],
)
async def test_another_site_can_change_nothing(
    client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> None:
    await connect(client)
    response = await client.request(method, path, headers=headers)
    assert response.status_code == 403
    assert "CROSS_SITE_REQUEST" in response.text
    assert len((await client.get("/api/connections")).json()["data"]) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:3200"},
        {"sec-fetch-site": "none"},
        {"origin": "https://127.0.0.1:3200"},
    ],
)
async def test_our_own_site_and_programs_can(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    await connect(client)
    assert (await client.delete("/api/connections/google", headers=headers)).status_code == 200


async def test_a_link_on_another_site_may_lead_here(client: httpx.AsyncClient) -> None:
    response = await client.get("/sync", headers={"sec-fetch-site": "cross-site"})
    assert response.status_code == 200

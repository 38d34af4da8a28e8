"""`/api/connections`, row by row."""

from datetime import timedelta

import httpx
import pytest

from anselai.application.ansel import Ansel
from tests.fakes import NOON, FakeClock
from tests.integration.http.asking import connect, refusal

CANARY = "canary-4711.token"


async def test_a_new_connection_is_answered_without_its_tokens_and_with_its_address(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/api/connections",
        json={
            "platform": "google",
            "accountId": "studio-7",
            "accessToken": CANARY,
            "refreshToken": CANARY,
            "tokenExpiresAt": "2026-05-20T15:30:00+02:00",
            "scopes": ["read", "stats"],
        },
    )
    assert response.status_code == 201
    assert response.headers["location"] == "/api/connections/google"
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "success": True,
        "data": {
            "platform": "google",
            "accountId": "studio-7",
            "status": "active",
            "scopes": ["read", "stats"],
            "tokenExpiresAt": "2026-05-20T13:30:00Z",
            "hasRefreshToken": True,
            "lastSyncAt": None,
            "lastError": None,
            "createdAt": "2026-05-20T12:00:00Z",
            "updatedAt": "2026-05-20T12:00:00Z",
        },
    }
    assert CANARY not in response.text


async def test_an_access_token_is_enough(client: httpx.AsyncClient) -> None:
    data = await connect(client, "meta")
    assert (data["accountId"], data["scopes"], data["tokenExpiresAt"], data["hasRefreshToken"]) == (
        None,
        [],
        None,
        False,
    )


async def test_optional_fields_may_be_null(client: httpx.AsyncClient) -> None:
    data = await connect(client, accountId=None, refreshToken=None, tokenExpiresAt=None)
    assert data["status"] == "active"


async def test_a_platform_is_connected_once(client: httpx.AsyncClient) -> None:
    await connect(client)
    again = await client.post("/api/connections", json={"platform": "google", "accessToken": "other"})
    assert refusal(again) == (409, "CONNECTION_EXISTS")


async def test_connections_are_listed_by_platform(client: httpx.AsyncClient) -> None:
    for platform in ("tiktok", "google", "meta"):
        await connect(client, platform)
    listed = (await client.get("/api/connections")).json()["data"]
    assert [each["platform"] for each in listed] == ["google", "meta", "tiktok"]
    assert listed[0] == (await client.get("/api/connections/google")).json()["data"]


async def test_without_connections_the_list_is_empty(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/connections")).json() == {"success": True, "data": []}


async def test_an_access_token_past_its_expiry_shows_as_expired(client: httpx.AsyncClient, clock: FakeClock) -> None:
    await connect(client, tokenExpiresAt="2026-05-20T13:00:00Z")
    clock.advance(timedelta(hours=2))
    assert (await client.get("/api/connections/google")).json()["data"]["status"] == "expired"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/connections/google"),
        ("PUT", "/api/connections/google"),
        ("DELETE", "/api/connections/google"),
        ("POST", "/api/connections/google/test"),
    ],
)
async def test_a_platform_that_is_not_connected_is_not_found(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert refusal(await client.request(method, path)) == (404, "CONNECTION_NOT_FOUND")


@pytest.mark.parametrize("name", ["myspace", "My Space", "%00", "%ED%A0%80", "a" * 200, "-", "é"])
@pytest.mark.parametrize(("method", "call"), [("GET", ""), ("PUT", ""), ("POST", "/test")])
async def test_a_platform_that_is_not_installed_is_unknown(
    client: httpx.AsyncClient, method: str, call: str, name: str
) -> None:
    response = await client.request(method, f"/api/connections/{name}{call}")
    assert refusal(response) == (404, "UNKNOWN_PLATFORM")
    assert len(response.text) < 300


async def test_an_unknown_platform_cannot_be_connected(client: httpx.AsyncClient) -> None:
    for name in ("myspace", "", "My Space!", "\x00"):
        response = await client.post("/api/connections", json={"platform": name, "accessToken": "token"})
        assert refusal(response) == (404, "UNKNOWN_PLATFORM")


async def test_a_change_replaces_what_is_given_and_keeps_the_rest(client: httpx.AsyncClient) -> None:
    before = await connect(client, accountId="studio-7", refreshToken="refresh-1", scopes=["read"])
    changed = (await client.put("/api/connections/google", json={"scopes": ["read", "write"]})).json()["data"]
    assert changed == {**before, "scopes": ["read", "write"]}


async def test_null_takes_a_value_away(client: httpx.AsyncClient) -> None:
    await connect(client, accountId="studio-7", refreshToken="refresh-1", tokenExpiresAt="2027-01-01T00:00:00Z")
    body = {"accountId": None, "refreshToken": None, "tokenExpiresAt": None}
    changed = (await client.put("/api/connections/google", json=body)).json()["data"]
    assert (changed["accountId"], changed["hasRefreshToken"], changed["tokenExpiresAt"]) == (None, False, None)


async def test_new_tokens_make_an_expired_connection_active(client: httpx.AsyncClient, clock: FakeClock) -> None:
    await connect(client, tokenExpiresAt="2026-05-20T12:30:00Z")
    clock.advance(timedelta(hours=1))
    response = await client.put("/api/connections/google", json={"accessToken": CANARY})
    assert response.json()["data"]["status"] == "active"
    assert CANARY not in response.text


@pytest.mark.parametrize("body", [b"", b" \r\n\t", b"{}", b" { } "])
async def test_a_change_to_nothing_refreshes_the_token(client: httpx.AsyncClient, body: bytes) -> None:
    await connect(client, refreshToken="refresh-1", tokenExpiresAt="2026-05-20T12:30:00Z")
    headers = {"content-type": "application/json"}
    data = (await client.put("/api/connections/google", content=body, headers=headers)).json()["data"]
    assert data["tokenExpiresAt"] == "2026-05-20T12:59:59Z"  # the real lifetime of Google's tokens: 3599 seconds


async def test_a_refresh_needs_neither_a_body_nor_its_type(client: httpx.AsyncClient) -> None:
    await connect(client, refreshToken="refresh-1")
    assert (await client.put("/api/connections/google")).status_code == 200


async def test_without_a_refresh_token_there_is_no_refresh(client: httpx.AsyncClient) -> None:
    await connect(client)
    assert refusal(await client.put("/api/connections/google")) == (409, "NO_REFRESH_TOKEN")


async def test_a_refused_refresh_token_is_the_connections_problem(client: httpx.AsyncClient) -> None:
    await connect(client, refreshToken="not well formed")
    response = await client.put("/api/connections/google")
    assert refusal(response) == (409, "PLATFORM_AUTH")
    assert "not well formed" not in response.text
    data = (await client.get("/api/connections/google")).json()["data"]
    assert data["status"] == "expired"
    assert data["lastError"]["code"] == "PLATFORM_AUTH"


async def test_a_removed_connection_is_gone_with_its_schedules_and_its_log_stays(
    client: httpx.AsyncClient, ansel: Ansel
) -> None:
    await connect(client)
    await client.post("/api/sync/google")
    await ansel.worker.drain()
    response = await client.delete("/api/connections/google")
    assert (response.status_code, response.json()["data"]) == (200, {"removed": True})
    assert (await client.get("/api/connections")).json()["data"] == []
    platforms = (await client.get("/api/sync/status")).json()["data"]["platforms"]
    assert [each["schedules"] for each in platforms if each["platform"] == "google"] == [[]]
    log = (await client.get("/api/sync/log?platform=google")).json()["data"]["entries"]
    assert [each["outcome"] for each in log] == ["succeeded"]


async def test_a_good_token_passes_the_test(client: httpx.AsyncClient) -> None:
    await connect(client)
    response = await client.post("/api/connections/google/test")
    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "data": {"ok": True, "status": "active", "simulated": True, "checkedAt": "2026-05-20T12:00:00Z"},
    }


async def test_a_failed_test_is_a_successful_answer_with_the_reason(client: httpx.AsyncClient) -> None:
    await connect(client, accessToken="not well formed")
    response = await client.post("/api/connections/google/test")
    data = response.json()["data"]
    assert (response.status_code, response.json()["success"]) == (200, True)
    assert (data["ok"], data["status"], data["reason"]) == (False, "error", "The access token is not well-formed.")
    connection = (await client.get("/api/connections/google")).json()["data"]
    assert connection["lastError"] == {"code": "TEST_FAILED", "message": "The access token is not well-formed."}


async def test_the_last_sync_is_told(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client)
    await client.post("/api/sync/google")
    await ansel.worker.drain()
    told = (await client.get("/api/connections/google")).json()["data"]["lastSyncAt"]
    assert told == NOON.isoformat().replace("+00:00", "Z")

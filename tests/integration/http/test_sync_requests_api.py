"""`POST /api/sync/{platform}` with an Idempotency-Key, and cancelling what it asked for."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from anselai.application.ansel import Ansel
from tests.fakes import FakeClock
from tests.integration.http.asking import connect, refusal

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


async def schedules_of(client: httpx.AsyncClient, platform: str = "google") -> list[dict[str, Any]]:
    platforms = (await client.get("/api/sync/status")).json()["data"]["platforms"]
    return next(each["schedules"] for each in platforms if each["platform"] == platform)


async def test_a_repeated_post_with_its_key_is_the_same_job_also_when_it_has_ended(
    client: httpx.AsyncClient, ansel: Ansel, clock: FakeClock
) -> None:
    await connect(client)
    first = await client.post("/api/sync/google", json={"frequency": "hourly"}, headers=KEY)
    assert (first.status_code, first.json()["data"]["deduplicated"]) == (202, False)
    await ansel.worker.drain()
    clock.advance(timedelta(hours=23))
    again = await client.post("/api/sync/google", json={"frequency": "hourly"}, headers=KEY)
    job = again.json()["data"]
    assert (again.status_code, again.headers["location"]) == (202, first.headers["location"])
    assert (job["id"], job["state"], job["deduplicated"]) == (first.json()["data"]["id"], "succeeded", True)
    clock.advance(timedelta(hours=1))
    anew = (await client.post("/api/sync/google", json={"frequency": "hourly"}, headers=KEY)).json()["data"]
    assert (anew["id"] == job["id"], anew["state"], anew["deduplicated"]) == (False, "queued", False)


@pytest.mark.parametrize(("platform", "body"), [("meta", {}), ("google", {"frequency": "daily"})])
async def test_a_key_of_another_request_is_refused(
    client: httpx.AsyncClient, platform: str, body: dict[str, object]
) -> None:
    for each in ("google", "meta"):
        await connect(client, each)
    first = (await client.post("/api/sync/google", headers=KEY)).json()["data"]
    response = await client.post(f"/api/sync/{platform}", json=body, headers=KEY)
    assert refusal(response) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert "Use a new key" in response.json()["error"]
    assert [each["job"] for each in await schedules_of(client, "meta")] == [None] * 3
    assert (await client.post("/api/sync/google", headers=KEY)).json()["data"]["id"] == first["id"]


@pytest.mark.parametrize(
    "keys", [[""], ["two words"], ["a" * 256], ["\u00fc"], ["a\x7f"], ["a\tb"], ["one", "two"], ["one", "one"]]
)
async def test_a_key_is_one_header_of_visible_ascii(client: httpx.AsyncClient, keys: list[str]) -> None:
    await connect(client)
    headers = [(b"Idempotency-Key", each.encode("latin-1")) for each in keys]
    response = await client.post("/api/sync/google", headers=headers)
    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert [each["path"] for each in response.json()["details"]] == ["Idempotency-Key"]
    assert all(each["job"] is None for each in await schedules_of(client))


@pytest.mark.parametrize("key", ["a", "~" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "';--%s%(x)s"])
async def test_a_key_may_be_any_visible_ascii(client: httpx.AsyncClient, key: str) -> None:
    await connect(client)
    first = await client.post("/api/sync/google", headers={"Idempotency-Key": key})
    again = await client.post("/api/sync/google", headers={"idempotency-key": key})
    assert (first.status_code, again.json()["data"]["id"]) == (202, first.json()["data"]["id"])


async def test_a_known_key_tells_its_job_after_the_connection_is_gone(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client)
    first = (await client.post("/api/sync/google", headers=KEY)).json()["data"]
    await ansel.worker.drain()
    await client.delete("/api/connections/google")
    assert (await client.post("/api/sync/google", headers=KEY)).json()["data"]["id"] == first["id"]
    other = await client.post("/api/sync/google", headers={"Idempotency-Key": "another"})
    assert refusal(other) == (404, "CONNECTION_NOT_FOUND")


async def test_a_queued_sync_is_cancelled(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client)
    location = (await client.post("/api/sync/google")).headers["location"]
    response = await client.delete(location)
    assert response.status_code == 200
    job = response.json()["data"]
    assert (job["state"], job["finishedAt"]) == ("cancelled", "2026-05-20T12:00:00Z")
    [row] = job["attempts"]
    assert (row["outcome"], row["message"], row["jobId"]) == ("cancelled", "cancelled by a person", job["id"])
    assert (await client.get(location)).json()["data"] == job
    assert await ansel.worker.drain() == 0


async def test_a_sync_that_has_ended_is_not_cancelled(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client)
    location = (await client.post("/api/sync/google")).headers["location"]
    await ansel.worker.drain()
    response = await client.delete(location)
    assert refusal(response) == (409, "JOB_ENDED")
    assert "as succeeded" in response.json()["error"]
    assert (await client.get(location)).json()["data"]["state"] == "succeeded"


@pytest.mark.parametrize("id_", [str(UUID(int=7)), "nonsense"])
async def test_a_job_that_there_is_not_cannot_be_cancelled(client: httpx.AsyncClient, id_: str) -> None:
    assert refusal(await client.delete(f"/api/sync/jobs/{id_}")) == (404, "NOT_FOUND")

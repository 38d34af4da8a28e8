"""`/api/sync`, row by row."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from anselai.application.ansel import Ansel
from tests.fakes import FakeClock
from tests.integration.http.asking import connect, refusal

LOG_FIELDS = {
    "id", "platform", "trigger", "outcome", "frequency", "slotAt", "slotLastAt", "count", "attempt", "startedAt",
    "finishedAt", "records", "apiCalls", "simulated", "errorClass", "errorCode", "message", "route", "requestId",
    "jobId", "loggedAt",
}  # fmt: skip


async def log_of(client: httpx.AsyncClient, **wanted: object) -> dict[str, Any]:
    response = await client.get("/api/sync/log", params={name: str(value) for name, value in wanted.items()})
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


async def run(client: httpx.AsyncClient, ansel: Ansel, platform: str = "google", frequency: str = "daily") -> None:
    await client.post(f"/api/sync/{platform}", json={"frequency": frequency})
    await ansel.worker.drain()


async def test_a_sync_is_accepted_as_a_job_with_an_address(client: httpx.AsyncClient) -> None:
    await connect(client)
    response = await client.post("/api/sync/google", json={"frequency": "hourly"})
    job = response.json()["data"]
    assert response.status_code == 202
    assert response.headers["location"] == f"/api/sync/jobs/{job['id']}"
    assert (job["platform"], job["frequency"], job["trigger"], job["state"], job["deduplicated"]) == (
        "google",
        "hourly",
        "manual",
        "queued",
        False,
    )


async def test_without_a_frequency_a_sync_is_daily(client: httpx.AsyncClient) -> None:
    await connect(client)
    assert (await client.post("/api/sync/google")).json()["data"]["frequency"] == "daily"


async def test_a_sync_that_is_queued_already_is_answered_as_such(client: httpx.AsyncClient) -> None:
    await connect(client)
    first = (await client.post("/api/sync/google", json={"frequency": "daily"})).json()["data"]
    again = await client.post("/api/sync/google", json={"frequency": "daily"})
    assert again.status_code == 202
    assert again.json()["data"] == {**first, "deduplicated": True}
    assert (await client.post("/api/sync/google", json={})).json()["data"]["id"] == first["id"]


async def test_a_job_is_answered_with_its_attempts(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client)
    location = (await client.post("/api/sync/google")).headers["location"]
    await ansel.worker.drain()
    job = (await client.get(location)).json()["data"]
    assert (job["state"], job["attempt"], job["records"], job["lastError"]) == ("succeeded", 1, 0, None)
    assert "deduplicated" not in job
    [attempt] = job["attempts"]
    assert set(attempt) == LOG_FIELDS
    assert (attempt["outcome"], attempt["attempt"], attempt["simulated"]) == ("succeeded", 1, True)
    assert (attempt["apiCalls"], attempt["jobId"]) == (0, job["id"])


@pytest.mark.parametrize("id_", [str(UUID(int=7)), "nonsense", "0", "%00", "١٢"])
async def test_a_job_that_there_is_not_is_not_found(client: httpx.AsyncClient, id_: str) -> None:
    assert refusal(await client.get(f"/api/sync/jobs/{id_}")) == (404, "NOT_FOUND")


async def test_a_schedule_is_changed_in_part(client: httpx.AsyncClient) -> None:
    await connect(client)
    body = {"frequency": "daily", "cron": "30  6 * * *", "timezone": "Europe/Berlin", "catchUp": "skip"}
    response = await client.put("/api/sync/google/schedule", json=body)
    assert response.status_code == 200
    assert response.json()["data"] == {
        "platform": "google",
        "frequency": "daily",
        "brings": "account metrics, ad performance",
        "cron": "30 6 * * *",
        "timezone": "Europe/Berlin",
        "enabled": True,
        "catchUp": "skip",
        "nextRunAt": "2026-05-21T04:30:00Z",
        "disabledReason": None,
        "failuresInRow": 0,
        "warning": None,
    }


async def test_a_paused_schedule_has_no_next_run_until_it_is_on_again(client: httpx.AsyncClient) -> None:
    await connect(client)
    paused = await client.put("/api/sync/google/schedule", json={"frequency": "weekly", "enabled": False})
    data = paused.json()["data"]
    assert (data["enabled"], data["nextRunAt"], data["disabledReason"]) == (False, None, "switched off by a person")
    again = (await client.put("/api/sync/google/schedule", json={"frequency": "weekly"})).json()["data"]
    assert (again["enabled"], again["disabledReason"]) == (True, None)
    assert again["nextRunAt"].endswith("Z")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({}, "frequency"),
        ({"frequency": "yearly"}, "frequency"),
        ({"frequency": None}, "frequency"),
        ({"frequency": "daily", "cron": "1 2 3"}, "cron"),
        ({"frequency": "daily", "cron": "* * * * *\n"}, None),
        ({"frequency": "daily", "cron": "\ud800 * * * *"}, "cron"),
        ({"frequency": "daily", "cron": "H * * * *"}, "cron"),
        ({"frequency": "daily", "cron": "0 0 30 2 *"}, "cron"),
        ({"frequency": "daily", "cron": None}, "cron"),
        ({"frequency": "daily", "timezone": "Berlin"}, "timezone"),
        ({"frequency": "daily", "timezone": "\x00"}, "timezone"),
        ({"frequency": "daily", "timezone": "../../etc/passwd"}, "timezone"),
        ({"frequency": "daily", "timezone": ""}, "timezone"),
        ({"frequency": "daily", "enabled": "yes"}, "enabled"),
        ({"frequency": "daily", "catchUp": "some"}, "catchUp"),
        ({"frequency": "daily", "catch_up": "all"}, "catch_up"),
    ],
)
async def test_a_schedule_is_checked(client: httpx.AsyncClient, change: dict[str, object], path: str | None) -> None:
    await connect(client)
    headers = {"content-type": "application/json"}
    response = await client.put("/api/sync/google/schedule", content=json.dumps(change), headers=headers)
    if path is None:  # white space around a cron is not an error
        assert response.status_code == 200
        return
    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert [each["path"] for each in response.json()["details"]] == [path]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/api/sync/{}", {}), ("PUT", "/api/sync/{}/schedule", {"frequency": "daily"})],
)
async def test_what_is_not_connected_is_not_synced(
    client: httpx.AsyncClient, method: str, path: str, body: dict[str, object]
) -> None:
    response = await client.request(method, path.format("google"), json=body)
    assert refusal(response) == (404, "CONNECTION_NOT_FOUND")
    response = await client.request(method, path.format("myspace"), json=body)
    assert refusal(response) == (404, "UNKNOWN_PLATFORM")


async def test_a_sync_of_an_unknown_frequency_is_refused(client: httpx.AsyncClient) -> None:
    await connect(client)
    response = await client.post("/api/sync/google", json={"frequency": "minutely"})
    assert response.json()["details"] == [{"path": "frequency", "message": "must be one of hourly, daily, weekly"}]


async def test_the_status_tells_of_every_platform(client: httpx.AsyncClient, ansel: Ansel) -> None:
    connection = await connect(client)
    await run(client, ansel)
    await client.post("/api/sync/google", json={"frequency": "hourly"})
    data = (await client.get("/api/sync/status")).json()["data"]
    assert [each["platform"] for each in data["platforms"]] == ["google", "meta", "pinterest", "tiktok"]
    assert (data["queued"], data["running"], data["workers"]) == (1, 0, [])
    assert (data["due"], data["oldestDueAt"], data["stalled"]) == (1, "2026-05-20T12:00:00Z", 0)
    google, meta = data["platforms"][:2]
    assert (meta["connection"], meta["schedules"], meta["simulated"]) == (None, [], True)
    assert google["connection"]["createdAt"] == connection["createdAt"]
    hourly, daily, weekly = google["schedules"]
    assert [each["frequency"] for each in (hourly, daily, weekly)] == ["hourly", "daily", "weekly"]
    assert (hourly["lastRun"], hourly["job"]["state"]) == (None, "queued")
    assert (daily["lastRun"]["outcome"], daily["job"]) == ("succeeded", None)
    assert set(daily["lastRun"]) == LOG_FIELDS
    assert weekly["nextRunAt"].endswith("Z")


async def test_the_status_tells_which_daemons_are_alive(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await ansel.scheduler.workers.beat(UUID(int=7), "darkroom", 4711)
    [worker] = (await client.get("/api/sync/status")).json()["data"]["workers"]
    assert (worker["host"], worker["pid"], worker["lastBeatAt"]) == ("darkroom", 4711, "2026-05-20T12:00:00Z")


async def test_the_log_comes_newest_first_in_pages(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client)
    for _ in range(5):
        await run(client, ansel)
    first = await log_of(client, limit=2)
    second = await log_of(client, limit=2, cursor=first["nextCursor"])
    third = await log_of(client, limit=2, cursor=second["nextCursor"])
    ids = [each["id"] for page in (first, second, third) for each in page["entries"]]
    assert len(ids) == 5
    assert ids == sorted(ids, reverse=True)
    assert third["nextCursor"] is None


async def test_the_log_is_filtered(client: httpx.AsyncClient, ansel: Ansel, clock: FakeClock) -> None:
    await connect(client)
    await connect(client, "meta")
    await run(client, ansel)
    clock.advance(timedelta(minutes=1))
    await run(client, ansel, "meta")
    assert [each["platform"] for each in (await log_of(client, platform="meta"))["entries"]] == ["meta"]
    assert [each["platform"] for each in (await log_of(client, since="2026-05-20T12:00:30Z"))["entries"]] == ["meta"]
    until = await log_of(client, until="2026-05-20T14:00:30+02:00")
    assert [each["platform"] for each in until["entries"]] == ["google"]
    assert (await log_of(client, outcome="failed"))["entries"] == []
    assert len((await log_of(client, outcome="succeeded", trigger="manual"))["entries"]) == 2
    assert (await log_of(client, trigger="schedule"))["entries"] == []
    assert (await log_of(client, platform="gone-platform"))["entries"] == []


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("limit=", "limit"),
        ("limit=9999999999999999999", "limit"),
        ("cursor=nonsense", "cursor"),
        ("cursor=%FF", "cursor"),
        ("cursor=", "cursor"),
        ("platform=Not%20a%20name", "platform"),
        ("platform=google%00", "platform"),
        ("platform=google%0A", "platform"),
        ("outcome=good", "outcome"),
        ("trigger=accident", "trigger"),
        ("since=yesterday", "since"),
        ("since=2026-05-20T12:00:00", "since"),
        ("since=0001-01-01T00:00:00%2B23:59", "since"),
        ("until=9999-12-31T23:59:59-12:00", "until"),
        ("until=1779278400", "until"),
        ("page=2", "page"),
        ("limit=1&limit=2", ""),
        ("&".join(f"a{n}=1" for n in range(200)), ""),
    ],
)
async def test_a_wrong_query_parameter_is_named(client: httpx.AsyncClient, query: str, path: str) -> None:
    response = await client.get(f"/api/sync/log?{query}")
    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert [each["path"] for each in response.json()["details"]] == [path]


async def test_every_wrong_query_parameter_is_named_at_once(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/sync/log?since=x&outcome=x&nope=x")
    assert [each["path"] for each in response.json()["details"]] == ["outcome", "since", "nope"]

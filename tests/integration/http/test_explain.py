"""Why syncs go as they do, over HTTP and on its page."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from anselai.application.ansel import Ansel
from anselai.domain.sync_job import AttemptResult, Outcome
from tests.fakes import FakeClock
from tests.integration.http.asking import connect, refusal
from tests.integration.http.reading_html import look, submit

COALESCED = "no scheduler was running at that time; a later slot ran in its place"
HOURLY = {"frequency": "hourly", "cron": "17 * * * *", "timezone": "Europe/Berlin"}


async def hourly(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get("/api/sync/google/explain")
    assert response.status_code == 200, response.text
    explained = response.json()["data"]
    assert [each["frequency"] for each in explained["frequencies"]] == ["hourly", "daily", "weekly"]
    found: dict[str, Any] = explained["frequencies"][0]
    return found


async def test_slots_that_were_run_through_are_explained_one_by_one(
    client: httpx.AsyncClient, ansel: Ansel, clock: FakeClock
) -> None:
    await connect(client)
    await client.put("/api/sync/google/schedule", json=HOURLY)
    await ansel.scheduler.workers.beat(ansel.worker.id, "darkroom", 4711)
    assert await hourly(client) == {
        "frequency": "hourly",
        "headline": "The hourly sync of google runs next at 14:17 Europe/Berlin, in 17 minutes.",
        "sentences": ["It has not run yet."],
    }
    clock.advance(timedelta(hours=3, minutes=20))
    assert await ansel.worker.drain() == 1
    await client.put("/api/sync/google/schedule", json={"frequency": "hourly", "enabled": False})
    clock.advance(timedelta(hours=2))
    await ansel.worker.drain()
    paused = await hourly(client)
    assert paused["headline"] == "The hourly sync of google is off: switched off by a person."
    assert paused["sentences"] == [
        "Switch it on again with: anselai sync resume google --frequency hourly",
        "2 slots from 18:17 to 19:17 did not run: the schedule was switched off: switched off by a person.",
        "The run of 17:17 succeeded: 0 records in 0 ms, simulated.",
        f"3 slots from 14:17 to 16:17 did not run: {COALESCED}.",
        "Times are those of Europe/Berlin.",
    ]


async def test_a_lost_run_is_stalled_until_somebody_takes_it_up(
    client: httpx.AsyncClient, ansel: Ansel, clock: FakeClock
) -> None:
    await connect(client)
    await client.post("/api/sync/google", json={"frequency": "hourly"})
    await ansel.scheduler.jobs.claim(ansel.worker.id, 1, timedelta(minutes=1))
    assert "The manual run of 12:00 is under way" in " ".join((await hourly(client))["sentences"])
    clock.advance(timedelta(minutes=2))
    assert "The manual run of 12:00 has stalled" in " ".join((await hourly(client))["sentences"])
    await ansel.scheduler.jobs.reclaim(10)
    assert "The manual run of 12:00 is in the queue" in " ".join((await hourly(client))["sentences"])


@pytest.mark.parametrize(("platform", "code"), [("google", "CONNECTION_NOT_FOUND"), ("flickr", "UNKNOWN_PLATFORM")])
async def test_what_is_not_connected_cannot_be_explained(client: httpx.AsyncClient, platform: str, code: str) -> None:
    assert refusal(await client.get(f"/api/sync/{platform}/explain")) == (404, code)


async def test_the_dashboard_leads_from_a_schedule_to_its_explanation(client: httpx.AsyncClient) -> None:
    await connect(client)
    assert "/sync/google/explain#hourly" in (await look(client, "/sync")).links
    page = await look(client, "/sync/google/explain")
    assert {"id": "hourly"} in page.all("h2")
    for each in (await client.get("/api/sync/google/explain")).json()["data"]["frequencies"]:
        assert " ".join([each["headline"], *each["sentences"]]) in page.words


async def test_what_a_platform_said_is_shown_and_not_obeyed(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await connect(client)
    await client.post("/api/sync/google")
    [claimed] = await ansel.scheduler.jobs.claim(ansel.worker.id, 1, timedelta(minutes=1))
    told = "<script>alert(1)</script>"
    failed = AttemptResult(lease=claimed.job.lease, outcome=Outcome.FAILED, error_message=told)
    await ansel.scheduler.jobs.finish([failed])
    page = await look(client, "/sync/google/explain")
    assert f"failed at its first attempt: {told}." in page.words
    assert page.all("script") == []


async def test_what_is_off_can_be_switched_on_where_it_is_explained(client: httpx.AsyncClient) -> None:
    await connect(client)
    await client.put("/api/sync/google/schedule", json={"frequency": "daily", "enabled": False})
    page = await look(client, "/sync/google/explain")
    assert "Why Google syncs as it does" in page.words
    assert "/sync/google/hourly/resume" not in page.html
    await submit(client, page, "/sync/google/daily/resume")
    assert "is off" not in (await look(client, "/sync/google/explain")).words

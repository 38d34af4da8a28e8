"""A schedule that keeps failing, on the wire and on the page."""

from dataclasses import replace

import httpx

from anselai.application.ansel import Ansel
from anselai.domain.failure_streak import WARN_AFTER
from anselai.domain.frequency import Frequency
from tests.integration.http.asking import connect
from tests.integration.http.reading_html import look
from tests.samples import GOOGLE

WARNING = "The last 5 runs failed: 5 more failures in a row switch this schedule off. The log tells why they failed."
REASON = "10 runs in a row failed, the last with CODE: why; switch it on again when the cause is gone"


async def test_a_schedule_that_keeps_failing_warns(client: httpx.AsyncClient, ansel: Ansel) -> None:
    await failing(client, ansel)
    [daily] = [each for each in await schedules(client) if each["frequency"] == "daily"]
    assert (daily["failuresInRow"], daily["warning"]) == (WARN_AFTER, WARNING)
    others = [each for each in await schedules(client) if each["frequency"] != "daily"]
    assert {(each["failuresInRow"], each["warning"]) for each in others} == {(0, None)}


async def test_the_page_says_in_words_that_a_schedule_keeps_failing(client: httpx.AsyncClient, ansel: Ansel) -> None:
    assert "Warning" not in (await look(client, "/sync")).words
    await failing(client, ansel)
    assert f"Warning {WARNING}" in " ".join((await look(client, "/sync")).words.split())


async def test_the_page_says_why_a_schedule_is_off_and_its_button_switches_it_on(
    client: httpx.AsyncClient, ansel: Ansel
) -> None:
    await failing(client, ansel, failures=10, reason=REASON)
    assert f"Paused {REASON}" in " ".join((await look(client, "/sync")).words.split())
    await client.post("/sync/google/daily/resume", headers={"origin": "http://127.0.0.1:3200"})
    [daily] = [each for each in await schedules(client) if each["frequency"] == "daily"]
    assert (daily["enabled"], daily["disabledReason"], daily["failuresInRow"]) == (True, None, 0)


async def failing(
    client: httpx.AsyncClient, ansel: Ansel, *, failures: int = WARN_AFTER, reason: str | None = None
) -> None:
    await connect(client)
    stored = await ansel.scheduler.schedules.get(GOOGLE, Frequency.DAILY)
    await ansel.scheduler.schedules.save(
        replace(stored, failures_in_row=failures, enabled=reason is None, disabled_reason=reason)
    )


async def schedules(client: httpx.AsyncClient) -> "list[dict[str, object]]":
    platforms = (await client.get("/api/sync/status")).json()["data"]["platforms"]
    return [each for platform in platforms for each in platform["schedules"]]

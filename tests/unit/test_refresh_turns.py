"""Who may refresh a connection, and what becomes of the answer: whoever stands still, is late, or finds no store."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from anselai.application import refresh_call, token_refresh
from anselai.application.ansel import Ansel
from anselai.container import open_in_memory
from anselai.domain.connection import ConnectionStatus
from anselai.domain.errors import RefreshInProgress, RightsMissing, StoreUnavailable
from tests.fakes import FakeClock
from tests.unit.refreshed_platform import KEY, Refreshed, connect, platform, refreshed, stored

SECOND = timedelta(seconds=1)


@pytest.fixture
def flickr() -> Refreshed:
    return platform()


@pytest.fixture
async def ansel(flickr: Refreshed, clock: FakeClock) -> AsyncIterator[Ansel]:
    async with open_in_memory(plugins=[flickr], clock=clock) as opened:
        yield opened


async def test_who_stood_still_before_asking_gives_its_turn_back(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = ansel.connections.connections
    begin = type(connections).begin_refresh

    async def begins_and_stands_still(self: object, *args: object) -> object:
        turn = await begin(self, *args)  # type: ignore[arg-type]
        clock.advance(refresh_call.PATIENT_LIMIT + SECOND)
        return turn

    await connect(ansel)
    monkeypatch.setattr(type(connections), "begin_refresh", begins_and_stands_still)
    with pytest.raises(RefreshInProgress):
        await ansel.connections.refresh_token("flickr")
    monkeypatch.undo()
    await ansel.connections.refresher.settle()
    assert flickr.given == []
    assert await refreshed(ansel) == "ok"


async def test_a_turn_whose_answer_the_store_never_gave_is_given_back_unused(
    ansel: Ansel, flickr: Refreshed, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = ansel.connections.connections
    begin = type(connections).begin_refresh

    async def begins_and_is_cut_off(self: object, *args: object) -> object:
        await begin(self, *args)  # type: ignore[arg-type]
        raise StoreUnavailable

    await connect(ansel)
    monkeypatch.setattr(type(connections), "begin_refresh", begins_and_is_cut_off)
    assert await refreshed(ansel) == "STORE_UNAVAILABLE"
    monkeypatch.undo()
    await ansel.connections.refresher.settle()
    assert (await stored(ansel)).refresh.asked_at is None
    assert await refreshed(ansel) == "ok"


async def test_all_who_ask_in_one_process_wait_for_one_task(ansel: Ansel, flickr: Refreshed) -> None:
    await connect(ansel)
    seen, flickr.hold = await stored(ansel), asyncio.Event()
    callers = [asyncio.create_task(ansel.connections.refresher.refresh(KEY, seen=seen)) for _ in range(20)]
    while not flickr.given:  # noqa: ASYNC110  it is on its way
        await asyncio.sleep(0)
    assert [each.get_name() for each in asyncio.all_tasks()].count("refresh flickr") == 1
    flickr.hold.set()
    assert len({each.token_version for each in await asyncio.gather(*callers)}) == 1


@pytest.mark.parametrize("away", [StoreUnavailable(), RightsMissing("permission denied for table sealing_keys")])
async def test_new_tokens_wait_for_a_store_that_is_away(
    ansel: Ansel,
    flickr: Refreshed,
    away: StoreUnavailable,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    connections, outages = ansel.connections.connections, iter([away] * 3)
    end = type(connections).end_refresh

    async def is_away_for_a_while(self: object, *args: object) -> object:
        for outage in outages:
            raise outage
        return await end(self, *args)  # type: ignore[arg-type]

    await connect(ansel)
    monkeypatch.setattr(token_refresh, "STORE_AGAIN", timedelta())
    monkeypatch.setattr(type(connections), "end_refresh", is_away_for_a_while)
    assert await refreshed(ansel) == "ok"
    monkeypatch.undo()
    assert await refreshed(ansel) == "ok"
    assert flickr.given == ["refresh-0", "refresh-1"]
    assert caplog.text.count("permission denied for table sealing_keys") == (away.code == "RIGHTS_MISSING")


async def test_who_has_newer_tokens_does_not_share_the_answer_of_who_saw_older_ones(
    ansel: Ansel, flickr: Refreshed
) -> None:
    await connect(ansel)
    older = await stored(ansel)
    assert await refreshed(ansel) == "ok"
    newer, refresher = await stored(ansel), ansel.connections.refresher
    told, renewed = await asyncio.gather(refresher.refresh(KEY, seen=older), refresher.refresh(KEY, seen=newer))
    assert told.has_tokens_of(newer)
    assert not renewed.has_tokens_of(newer)
    assert flickr.given == ["refresh-0", "refresh-1"]


async def test_tokens_that_come_after_somebody_gave_up_on_them_are_stored_all_the_same(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process stands still with the answer in its hands; another finds its question open; then it wakes."""
    monkeypatch.setattr(token_refresh, "WAIT_STEP", timedelta())
    await connect(ansel)
    flickr.hold = asyncio.Event()
    frozen = asyncio.create_task(ansel.connections.refresh_token("flickr"))
    while not flickr.given:  # noqa: ASYNC110  it is on its way
        await asyncio.sleep(0)
    clock.advance(timedelta(minutes=5))
    ansel.connections.refresher.running.clear()  # what comes next happens in another process
    assert await refreshed(ansel) == "REFRESH_UNANSWERED"
    flickr.hold.set()
    assert (await frozen).status is ConnectionStatus.ACTIVE
    assert await refreshed(ansel) == "ok"
    assert flickr.given == ["refresh-0", "refresh-1"]

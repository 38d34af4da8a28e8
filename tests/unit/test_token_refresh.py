"""What becomes of a connection when a platform refuses, limits, fails, or is never heard of again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from anselai.application.ansel import Ansel
from anselai.container import open_in_memory
from anselai.domain.connection import ConnectionStatus
from anselai.domain.errors import (
    AnselError,
    AnswerLost,
    AuthFailure,
    NoRefreshToken,
    PermanentFailure,
    RateLimited,
    RefreshUnanswered,
    TransientFailure,
)
from anselai.domain.refreshing import COOLDOWN, RefreshStrategy, SecondUse
from tests.fakes import NOON, FakeClock
from tests.samples import some_id
from tests.unit.refreshed_platform import HOUR, KEY, Refreshed, connect, platform, refreshed, stored

SECOND = timedelta(seconds=1)


@pytest.fixture
def flickr() -> Refreshed:
    return platform()


@pytest.fixture
async def ansel(flickr: Refreshed, clock: FakeClock) -> AsyncIterator[Ansel]:
    async with open_in_memory(plugins=[flickr], clock=clock) as opened:
        yield opened


async def crash(ansel: Ansel, clock: FakeClock, *, after: timedelta) -> None:
    """Some other process took its turn, and is never heard of again."""
    await ansel.connections.connections.begin_refresh(KEY, some_id(), after)
    clock.advance(after)


async def test_a_token_that_works_once_is_not_used_again_after_a_crash_and_the_connection_says_why(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    await connect(ansel)
    await crash(ansel, clock, after=timedelta(minutes=4))
    with pytest.raises(RefreshUnanswered):
        await ansel.connections.refresh_token("flickr")
    view = await ansel.connections.get_connection("flickr")
    assert (view.status, view.last_error_code) == (ConnectionStatus.EXPIRED, "REFRESH_UNANSWERED")
    assert view.last_error is not None
    assert view.last_error.startswith("Expired: reconnect. Flickr was asked for new tokens at 2026-05-20 12:00 UTC")
    assert await refreshed(ansel) == "REFRESH_UNANSWERED"
    assert flickr.given == []


async def test_new_tokens_of_a_person_heal_it(ansel: Ansel, clock: FakeClock) -> None:
    await connect(ansel)
    await crash(ansel, clock, after=timedelta(minutes=4))
    assert await refreshed(ansel) == "REFRESH_UNANSWERED"
    await ansel.connections.update_connection("flickr", access_token="theirs", refresh_token="theirs-too")
    assert await refreshed(ansel) == "ok"


@pytest.mark.parametrize("second_use", [SecondUse.WORKS, SecondUse.GRACE])
async def test_one_that_works_again_is_given_again_after_a_crash(clock: FakeClock, second_use: SecondUse) -> None:
    flickr = platform(second_use=second_use)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        await crash(ansel, clock, after=timedelta(minutes=1))
        assert await refreshed(ansel) == "ok"
        assert flickr.given == ["refresh-0"]
        assert (await stored(ansel)).refresh.asked_at is None


async def test_within_a_grace_it_is_given_again_soon_but_not_in_a_rush(clock: FakeClock) -> None:
    flickr = platform(second_use=SecondUse.GRACE)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        flickr.failures.extend([AnswerLost("cut")] * 5)
        for waits in (2, 4, 8, 16):
            number = len(flickr.given)
            assert [await refreshed(ansel) for _ in range(5)] == ["PLATFORM_ANSWER_LOST"] * 5
            assert len(flickr.given) == number + 1
            clock.advance(timedelta(seconds=waits))
        clock.advance(timedelta(seconds=30))
        assert [await refreshed(ansel), len(flickr.given)] == ["PLATFORM_ANSWER_LOST", 5]
        clock.advance(timedelta(seconds=30))
        assert [await refreshed(ansel), flickr.given[-1]] == ["ok", "refresh-0"]


async def test_beyond_its_grace_it_is_not(clock: FakeClock) -> None:
    flickr = platform(second_use=SecondUse.GRACE)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        await crash(ansel, clock, after=timedelta(minutes=2))
        assert await refreshed(ansel) == "REFRESH_UNANSWERED"
        assert flickr.given == []


@pytest.mark.parametrize("lost", [AnswerLost("cut"), TimeoutError(), KeyError("expires_in")])
async def test_an_answer_that_is_lost_under_our_eyes_ends_a_single_use_token_at_once(
    ansel: Ansel, flickr: Refreshed, lost: Exception
) -> None:
    await connect(ansel)
    flickr.failures.append(lost)
    assert [await refreshed(ansel), await refreshed(ansel)] == ["REFRESH_UNANSWERED"] * 2
    assert flickr.given == ["refresh-0"]
    assert (await stored(ansel)).status is ConnectionStatus.EXPIRED


async def test_it_says_what_became_of_the_answer(ansel: Ansel, flickr: Refreshed) -> None:
    await connect(ansel)
    flickr.failures.append(KeyError("expires_in"))
    await refreshed(ansel)
    told = (await stored(ansel)).last_error
    assert told is not None
    assert "its answer never arrived (The Flickr client failed at the token refresh: KeyError: 'expires_in'). " in told


@pytest.mark.parametrize(
    "beside",
    [
        {"expires_at": NOON.replace(tzinfo=None)},
        {"expires_at": NOON.replace(year=9999)},
        {"expires_at": NOON - HOUR},
        {"expires_at": 3600},
        {"scopes": tuple(f"scope-{number}" for number in range(101))},
        {"scopes": ("s" * 257,)},
        {"scopes": "photos"},
        {"scopes": 7},
    ],
)
async def test_new_tokens_are_kept_whatever_the_client_says_beside_them(
    ansel: Ansel, flickr: Refreshed, beside: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    await connect(ansel, scopes=("photos",))
    flickr.answers = beside
    assert await refreshed(ansel) == "ok"
    renewed = await stored(ansel)
    assert renewed.token_expires_at == NOON + HOUR, "the platform's usual lifetime"
    assert renewed.scopes == ("photos",)
    assert renewed.refresh.at is not None
    assert "The Flickr client gives new tokens with " in caplog.text
    assert await refreshed(ansel) == "ok"
    assert flickr.given == ["refresh-0", "refresh-1"]


async def test_a_platform_that_gives_no_new_single_use_token_says_that_the_stored_one_stays_in_use(
    ansel: Ansel, flickr: Refreshed
) -> None:
    await connect(ansel)
    flickr.answers = {"refresh_token": None}
    assert [await refreshed(ansel), await refreshed(ansel)] == ["ok", "ok"]
    assert flickr.given == ["refresh-0", "refresh-0"]


@pytest.mark.parametrize("answer", [TransientFailure("503"), PermanentFailure("400"), RateLimited("slow", 5)])
async def test_a_failure_that_says_that_no_tokens_were_given_leaves_the_token_alive(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock, answer: Exception
) -> None:
    await connect(ansel)
    flickr.failures.append(answer)
    assert await refreshed(ansel) != "ok"
    assert (await stored(ansel)).refresh.asked_at is None
    assert (await stored(ansel)).status is ConnectionStatus.ACTIVE
    clock.advance(COOLDOWN)
    assert await refreshed(ansel) == "ok"
    assert flickr.given == ["refresh-0", "refresh-0"]


@pytest.mark.parametrize(
    "failure",
    [TransientFailure("503"), PermanentFailure("400"), RateLimited("slow", 25), AuthFailure("invalid_grant")],
)
async def test_for_a_while_after_a_failure_everybody_gets_the_same_and_the_platform_is_left_in_peace(
    flickr: Refreshed, clock: FakeClock, failure: AnselError
) -> None:
    flickr.failures.append(failure)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        codes = [await refreshed(ansel) for _ in range(20)]
        assert (codes, len(flickr.given)) == ([failure.code] * 20, 1)
        clock.advance(COOLDOWN)
        assert await refreshed(ansel) == "ok"


async def test_what_waits_says_what_failed_and_until_when(ansel: Ansel, flickr: Refreshed) -> None:
    await connect(ansel)
    flickr.failures.append(RateLimited("Slow down.", 600))
    await refreshed(ansel)
    view = await ansel.connections.get_connection("flickr")
    assert view.status is ConnectionStatus.ACTIVE
    assert view.last_error is not None
    assert view.last_error.startswith("Slow down. New tokens are asked for again at 12:1")
    with pytest.raises(RateLimited) as told:
        await ansel.connections.refresh_token("flickr")
    assert told.value.retry_after == timedelta(minutes=10)


async def test_a_sync_that_needs_a_token_waits_with_it(ansel: Ansel, flickr: Refreshed, clock: FakeClock) -> None:
    await connect(ansel)
    flickr.failures.extend([TransientFailure("503"), TransientFailure("503")])
    await refreshed(ansel)
    refresher = ansel.connections.refresher
    waiting = await stored(ansel)
    assert await refresher.fresh(waiting, clock.now()) == waiting, "a token that lives is used meanwhile"
    clock.advance(HOUR)
    with pytest.raises(TransientFailure):
        await refresher.fresh(await stored(ansel), clock.now())
    assert len(flickr.given) == 2
    for _ in range(5):
        with pytest.raises(TransientFailure):
            await refresher.fresh(await stored(ansel), clock.now())
    assert len(flickr.given) == 2


async def test_a_refused_grant_expires_the_connection_at_once_and_no_sync_asks_again(
    ansel: Ansel, flickr: Refreshed, clock: FakeClock
) -> None:
    await connect(ansel)
    flickr.failures.append(AuthFailure("invalid_grant"))
    assert await refreshed(ansel) == "PLATFORM_AUTH"
    clock.advance(2 * HOUR)
    expired = await stored(ansel)
    assert expired.status is ConnectionStatus.EXPIRED
    assert expired.refresh.at is None
    assert await ansel.connections.refresher.fresh(expired, clock.now()) == expired
    assert len(flickr.given) == 1


async def test_new_tokens_have_a_time_of_their_own_before_they_expire(ansel: Ansel) -> None:
    await connect(ansel)
    first = (await stored(ansel)).refresh.at
    assert first is not None
    assert NOON + HOUR / 2 < first < NOON + HOUR - timedelta(minutes=9)
    await refreshed(ansel)
    assert (await stored(ansel)).refresh.at not in (None, first)


async def test_that_time_moves_with_what_people_change(ansel: Ansel) -> None:
    await connect(ansel)
    first = (await stored(ansel)).refresh.at
    await ansel.connections.update_connection("flickr", account_id="renamed")
    assert (await stored(ansel)).refresh.at == first
    await ansel.connections.update_connection("flickr", token_expires_at=NOON - HOUR)
    assert (await stored(ansel)).refresh.at == NOON
    await ansel.connections.update_connection("flickr", refresh_token=None)
    assert (await stored(ansel)).refresh.at is None


async def test_where_tokens_are_exchanged_the_access_token_is_what_is_given_and_no_refresh_token_is_needed(
    clock: FakeClock,
) -> None:
    flickr = platform(second_use=SecondUse.WORKS, strategy=RefreshStrategy.EXCHANGE)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel, refresh_token=None)
        assert (await stored(ansel)).refresh.at is not None
        assert await refreshed(ansel) == "ok"
        assert flickr.given == ["access-0"]
        await ansel.connections.update_connection("flickr", access_token="pasted")
        assert (await stored(ansel)).refresh.at is None, "what has no expiry may be a token that never expires"


async def test_where_nothing_can_be_refreshed_nobody_is_asked(clock: FakeClock) -> None:
    flickr = platform(strategy=RefreshStrategy.NONE)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        with pytest.raises(NoRefreshToken):
            await ansel.connections.refresh_token("flickr")
        assert (await stored(ansel)).refresh.at is None


async def test_a_platform_that_does_not_name_its_refresh_token_again_keeps_it(clock: FakeClock) -> None:
    flickr = platform(second_use=SecondUse.WORKS)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        before = await stored(ansel)
        assert await refreshed(ansel) == "ok"
        after = await stored(ansel)
        assert after.refresh_token == before.refresh_token, "not even sealed anew"
        assert after.access_token != before.access_token

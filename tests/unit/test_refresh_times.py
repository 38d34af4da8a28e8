"""When tokens are refreshed, for every lifetime and margin."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from anselai.domain import retry
from anselai.domain.refreshing import (
    COOLDOWN,
    LARGEST_SHARE,
    LONGEST_DELAY,
    RefreshState,
    SecondUse,
    after_failure,
    after_rate_limit,
    after_silence,
    may_ask,
    planned_at,
    spread_of,
)
from tests.fakes import NOON

NOTHING = timedelta()
lives = st.timedeltas(timedelta(seconds=1), timedelta(days=3650))
margins = st.timedeltas(NOTHING, timedelta(days=400))
chances = st.floats(0, 1, exclude_max=True)
instants = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))


@given(instants, lives, margins, chances)
def test_tokens_are_refreshed_while_they_live_and_not_in_the_first_half_of_their_life(
    given_at: datetime, life: timedelta, margin: timedelta, spread: float
) -> None:
    at = planned_at(given_at=given_at, expires_at=given_at + life, margin=margin, spread=spread)
    assert given_at + life / 2 <= at <= given_at + life


@given(lives, margins, chances)
def test_the_margin_is_kept_where_the_token_lives_long_enough_for_it(
    life: timedelta, margin: timedelta, spread: float
) -> None:
    at = planned_at(given_at=NOON, expires_at=NOON + life, margin=margin, spread=spread)
    left = NOON + life - at
    assert left >= min(margin, life / LARGEST_SHARE)
    assert left <= min(margin, life / LARGEST_SHARE) * 1.25 + timedelta(microseconds=2)


def test_of_tokens_with_the_same_life_some_are_refreshed_earlier_by_up_to_a_fourth_of_the_margin() -> None:
    hour, margin = timedelta(hours=1), timedelta(minutes=8)
    latest, earliest = (
        planned_at(given_at=NOON, expires_at=NOON + hour, margin=margin, spread=spread) for spread in (0.0, 1.0)
    )
    assert (NOON + hour - latest, latest - earliest) == (margin, margin / 4)


@given(st.timedeltas(timedelta(days=-400), NOTHING), margins, chances)
def test_what_has_expired_already_is_due_at_once(life: timedelta, margin: timedelta, spread: float) -> None:
    assert planned_at(given_at=NOON, expires_at=NOON + life, margin=margin, spread=spread) == NOON


@given(st.uuids(), st.integers(1, 2**62))
def test_the_spread_of_tokens_is_the_same_everywhere_and_another_for_the_next_ones(
    connection_id: UUID, token_version: int
) -> None:
    spread = spread_of(connection_id, token_version)
    assert 0 <= spread < 1
    assert spread == spread_of(UUID(int=connection_id.int), token_version)
    assert spread != spread_of(connection_id, token_version + 1)


def test_a_fleet_that_was_connected_in_one_instant_is_spread_evenly() -> None:
    tenths = [0] * 10
    for number in range(10_000):
        tenths[int(spread_of(UUID(int=number), 1) * 10)] += 1
    assert min(tenths) > 850
    assert max(tenths) < 1150


@given(st.integers(0, 10_000), chances)
def test_after_a_failure_a_platform_is_left_in_peace_for_longer_and_longer_but_not_for_ever(
    failures: int, jitter: float
) -> None:
    state = after_failure(RefreshState(failures=failures), NOON, jitter)
    assert state.failures == failures + 1
    assert state.not_before == NOON + COOLDOWN
    assert state.at is not None
    assert COOLDOWN <= state.at - NOON <= LONGEST_DELAY
    assert state.waits(NOON)
    assert not state.is_due(NOON)
    assert state.is_due(state.at)
    longest = after_failure(RefreshState(failures=failures), NOON, 0.999999).at
    later = after_failure(RefreshState(failures=failures + 1), NOON, 0.999999).at
    assert longest is not None
    assert later is not None
    assert later >= longest


@given(st.integers(0, 10_000), st.timedeltas(timedelta(seconds=1), timedelta(days=9)))
def test_within_a_grace_the_next_attempt_comes_soon_enough_for_others_and_later_each_time(
    failures: int, grace: timedelta
) -> None:
    state = after_silence(RefreshState(asked_at=NOON, failures=failures), NOON, grace)
    assert (state.asked_at, state.failures, state.not_before) == (NOON, failures + 1, state.at)
    assert state.at is not None
    assert NOTHING < state.at - NOON <= min(grace / 8, COOLDOWN)
    later = after_silence(RefreshState(failures=failures + 1), NOON, grace).at
    assert later is not None
    assert later >= state.at


@given(st.none() | st.timedeltas(timedelta(days=-5), timedelta(days=5)), chances)
def test_a_rate_limit_is_waited_for_as_long_as_it_says(said: timedelta | None, jitter: float) -> None:
    state = after_rate_limit(RefreshState(), NOON, said, jitter)
    asked_for = retry.RATE_LIMIT_DELAY if said is None else said
    assert state.not_before is not None
    assert state.at is not None
    assert state.not_before - NOON == min(max(asked_for, timedelta(seconds=1)), retry.LONGEST_RATE_LIMIT)
    assert state.not_before <= state.at
    assert state.at <= state.not_before + (state.not_before - NOON) / 10 + timedelta(microseconds=1)
    assert state.at - state.not_before >= (state.not_before - NOON) / 10 * jitter - timedelta(microseconds=2)


def test_each_failure_in_a_row_doubles_the_time_within_which_the_next_attempt_comes() -> None:
    waits = [after_failure(RefreshState(failures=number), NOON, 1.0).at for number in range(7)]
    assert [each - NOON for each in waits if each is not None] == [
        timedelta(minutes=m) for m in (1, 2, 4, 8, 16, 30, 30)
    ]


@given(chances)
def test_those_that_failed_together_do_not_all_come_again_together(jitter: float) -> None:
    at = after_failure(RefreshState(failures=9), NOON, jitter).at
    assert at is not None
    assert abs(at - NOON - max(COOLDOWN, LONGEST_DELAY * jitter)) < timedelta(milliseconds=1)


def test_what_may_be_given_once_only_is_never_given_while_a_question_is_open() -> None:
    minute = timedelta(minutes=1)
    assert may_ask(SecondUse.REFUSED, minute, None)
    assert not may_ask(SecondUse.REFUSED, minute, NOTHING)
    assert may_ask(SecondUse.GRACE, minute, minute / 3)
    assert not may_ask(SecondUse.GRACE, minute, minute / 2)
    assert not may_ask(SecondUse.GRACE, NOTHING, NOTHING)
    assert may_ask(SecondUse.WORKS, NOTHING, timedelta(days=400))

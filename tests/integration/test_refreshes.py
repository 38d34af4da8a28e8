"""Fights over token refreshes: whatever goes wrong, no token is used twice, and none is lost without a word."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from anselai.domain.refreshing import SecondUse
from refreshes.fleet import SMALL, fight
from refreshes.simulation import Scenario, scenario, simulate
from refreshes.world import Dangers
from tests.postgres_server import PostgresServer

# Where a process can die: before and after each act of the store, and around the question to the platform. In between
# nothing is known that nobody else knows. A question is open where somebody dies in OPEN.
ACTS = ("get", "due_refreshes", "begin_refresh", "end_refresh")
OPEN = {"after begin_refresh", "before asking", "after the answer", "before end_refresh"}
PLACES = {f"{when} {act}" for act in ACTS for when in ("before", "after")} | OPEN
LIVELY = Dangers(
    crash=0.002, lost_answer=0.005, refused=0.005, slow=0.1, bad_provider=0.1, freeze=0.001, skew=timedelta(hours=1),
    outages_per_hour=6,
)  # fmt: skip


@pytest.mark.parametrize("second_use", SecondUse)
def test_a_process_may_be_killed_between_any_two_steps(second_use: SecondUse) -> None:
    """The same refreshes over and over; whoever is the first or the second to come to a place dies there."""
    fight = Scenario(seed=1, refreshes=2, connections=1, processes=2, callers=2, second_use=second_use, meddling=False)
    runs = {fatal: simulate(fight, fatal=fatal) for fatal in product(sorted(PLACES), (1, 2))}
    assert {fatal: run.broken for fatal, run in runs.items() if run.broken} == {}
    assert all(run.deaths == [place] for (place, _), run in runs.items())
    expired = {place for (place, number), run in runs.items() if number == 1 and run.expired}
    assert expired == (OPEN if second_use is SecondUse.REFUSED else set())


@pytest.mark.parametrize("second_use", SecondUse)
def test_whatever_goes_wrong_the_living_token_is_kept_or_the_connection_says_why_it_expired(
    second_use: SecondUse,
) -> None:
    fight = Scenario(
        seed=2, refreshes=150, second_use=second_use, connections=5, processes=3, callers=3, dangers=LIVELY
    )
    run = simulate(fight)
    assert not run.broken
    assert run.contested >= 100
    assert run.reused == 0


def test_when_all_is_calm_nothing_expires_and_nobody_is_told_of_a_failure() -> None:
    run = simulate(Scenario(seed=3, refreshes=150, processes=3, callers=3))
    assert not run.broken
    assert (run.expired, [what for what in run.counts if what.startswith("told")]) == (0, [])


def test_the_same_seed_gives_the_same_run() -> None:
    drawn = replace(scenario(7, 60), connections=5, processes=3, callers=1)
    first, second = simulate(drawn), simulate(drawn)
    assert (first.refreshes, first.contested, first.counts) == (second.refreshes, second.contested, second.counts)


@pytest.fixture
def empty_database(postgres_server: PostgresServer, database_names: Iterator[str]) -> Iterator[str]:
    name = next(database_names)
    yield postgres_server.create(name)
    postgres_server.drop(name)


@pytest.mark.slow
def test_real_processes_that_are_killed_use_no_token_twice_and_lose_none_without_a_word(
    empty_database: str, tmp_path: Path
) -> None:
    result = fight(empty_database, SMALL, tmp_path / "fight")
    assert not result.broken
    assert result.contested > 0
    assert result.counts["processes killed"] > 0
    assert result.counts["reused"] == 0

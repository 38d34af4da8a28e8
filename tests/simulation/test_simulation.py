"""Fleets in made-up time: whatever goes wrong, every slot has one fate."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.promises import Verdict
from tests.simulation.scenario import NIGHTS, Dangers, Scenario, scenario
from tests.simulation.simulation import simulate

# Each is small: a few studios and some minutes of minutely crons.
SEEDS = range(1, 6)


def small(seed: int) -> Scenario:
    drawn = scenario(seed)
    dark = min(drawn.dangers.blackout, timedelta(hours=3))
    return replace(
        drawn,
        studios=min(drawn.studios, 3),
        span=min(drawn.span, timedelta(minutes=20)),
        dangers=replace(drawn.dangers, blackout=dark),
    )


def explain(run: Verdict) -> str:
    return "\n".join([*run.broken[:5], f"{run.scenario}", *run.trace[-30:]])


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_every_slot_has_one_fate(seed: int) -> None:
    run = simulate(small(seed))
    assert not run.broken, explain(run)
    assert run.slots > 0


def test_when_all_is_calm_every_slot_succeeds_at_once_and_at_the_first_attempt() -> None:
    drawn = small(1)
    run = simulate(replace(drawn, dangers=Dangers(), limits=replace(drawn.limits, concurrency=1000)))
    assert not run.broken, explain(run)
    assert run.fates.keys() == {"succeeded"}


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = simulate(small(3)), simulate(small(3))
    assert (first.slots, first.fates, first.counts) == (second.slots, second.fates, second.counts)
    assert first.counts["attempts"] > 0


@st.composite
def dangers(draw: st.DrawFn) -> Dangers:
    rates = st.sampled_from((0.0, 0.001, 0.01, 0.05))
    hourly = st.sampled_from((0.0, 2.0, 20.0))
    return Dangers(
        crash=draw(rates),
        lost_answer=draw(rates),
        refused=draw(rates),
        slow_call=draw(st.sampled_from((0.0, 0.1, 0.5))),
        slowest_call=draw(st.sampled_from((0.05, 1.0, 20.0))),
        bad_client=draw(st.sampled_from((0.01, 0.3, 0.9))),
        lost_wakeup=draw(st.sampled_from((0.0, 1.0))),
        freezes_per_hour=draw(hourly),
        stops_per_hour=draw(hourly),
        outages_per_hour=draw(hourly),
        blackout=timedelta(minutes=draw(st.sampled_from((0, 20, 2000)))),
        changes_per_hour=draw(st.sampled_from((0, 200, 2000))),
        skew=timedelta(seconds=draw(st.sampled_from((0, 5, 300)))),
    )


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.sampled_from(NIGHTS), st.integers(1, 4), dangers())
def test_no_mixture_of_troubles_loses_or_doubles_a_slot(
    seed: int, night: tuple[object, str], daemons: int, troubles: Dangers
) -> None:
    drawn = small(seed)
    run = simulate(
        replace(
            drawn,
            studios=min(drawn.studios, 2),
            span=min(drawn.span, timedelta(minutes=12)),
            zones=(night[1], "UTC"),
            daemons=daemons,
            dangers=troubles,
        )
    )
    assert not run.broken, explain(run)

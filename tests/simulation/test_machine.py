"""Hypothesis tells stories of a fleet, and finds none in which a promise breaks."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.machine import FleetMachine

STORIES = settings(
    derandomize=True,
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_no_story_breaks_a_promise() -> None:
    run_state_machine_as_test(FleetMachine, settings=STORIES)

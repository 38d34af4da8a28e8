"""Where Hypothesis plays with a fleet: how a story begins, what holds at each of its steps, and how it is judged."""

from collections import Counter
from collections.abc import Coroutine
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from anselai.application.running_jobs import WorkerLimits
from anselai.domain.sync_job import JobState
from tests.simulation.fleet import Fleet, opened
from tests.simulation.scenario import DENSE, NATURAL, NIGHTS, Dangers, Scenario

T = TypeVar("T")

LEASE = 30.0  # seconds
CRONS = {"dense": DENSE, "mixed": DENSE + NATURAL}
WEATHER = {
    "still": Dangers(changes_per_hour=1),  # nothing goes wrong but what a rule does
    "stormy": Dangers(
        crash=0.002,
        frozen=0.004,
        lost_answer=0.005,
        refused=0.005,
        slow_call=0.2,
        slowest_call=5.0,
        bad_client=0.1,
        lost_wakeup=0.5,
        skew=timedelta(seconds=5),
    ),
}


class Stage(RuleBasedStateMachine):
    fleet: Fleet

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.has_begun = False

    @initialize(
        seed=st.integers(0, 2**16),
        night=st.integers(0, len(NIGHTS) - 1),
        crons=st.sampled_from(tuple(CRONS)),
        weather=st.sampled_from(tuple(WEATHER)),
        daemons=st.sampled_from((2, 1, 3)),
        concurrency=st.sampled_from((20, 2, 1)),
        limited=st.booleans(),
        busy=st.booleans(),
    )
    def begin(
        self,
        seed: int,
        night: int,
        crons: str,
        weather: str,
        daemons: int,
        concurrency: int,
        limited: bool,
        busy: bool,
    ) -> None:
        """Of a studio with every platform; `busy` ones take some time for each fetch."""
        start, zone = NIGHTS[night]
        scenario = Scenario(
            seed=seed,
            start=start + timedelta(minutes=50),  # hours of daemons at work take time, and the night is near so
            zones=(zone, "UTC"),
            crons=CRONS[crons],
            studios=1,
            daemons=daemons,
            span=timedelta(),
            limits=WorkerLimits(
                concurrency=concurrency,
                lease=timedelta(seconds=LEASE),
                run_limit=timedelta(minutes=5),
                no_progress_limit=timedelta(minutes=1),
                idle_poll=timedelta(seconds=30),
                runs_per_fleet={"google": 2} if limited else {},
                runs_per_process={"meta": 1} if limited else {},
            ),
            dangers=WEATHER[weather],
        )
        self.fleet = self.stack.enter_context(opened(scenario))
        self.has_begun = True
        self.run(self.fleet.populate(scenario.chance("schedules")))
        for place in range(daemons):
            self.fleet.start(place)
        for client in self.fleet.clients.values():
            client.mood = "busy" if busy else None

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        return self.fleet.loop.run_until_complete(act)

    def teardown(self) -> None:
        with self.stack:
            if self.has_begun and not self.fleet.world.witness.broken:
                self.settle()

    def settle(self) -> None:
        """From here on all is well: every slot so far has to come to its one fate."""
        fleet, cutoff = self.fleet, self.fleet.world.clock.now()
        fleet.calm_down()
        fleet.start(max(fleet.daemons) + 1)  # the others may be about to stop
        drained = self.run(fleet.drain(cutoff))
        self.run(fleet.close())
        run = fleet.verdict(cutoff, drained=drained)
        assert not run.broken, "\n".join([*run.broken[:5], *run.trace[-40:]])

    @invariant()
    def nothing_was_seen_that_may_not_be(self) -> None:
        assert not self.fleet.world.witness.broken, self.fleet.world.witness.broken

    @invariant()
    def no_slot_has_two_jobs(self) -> None:
        jobs = self.fleet.world.store.jobs.values()
        slots = Counter((job.key, job.frequency, job.slot_at) for job in jobs if job.slot_at is not None)
        assert all(number == 1 for number in slots.values()), slots.most_common(1)

    @invariant()
    def no_frequency_has_two_active_jobs(self) -> None:
        active = Counter((job.key, job.frequency) for job in self.fleet.world.store.jobs.values() if job.is_active)
        assert all(number == 1 for number in active.values()), active.most_common(1)

    @invariant()
    def nobody_runs_what_somebody_else_may_write_for(self) -> None:
        """Of all runs under way, in whichever process, one at most has the valid fence of its job."""
        jobs = self.fleet.world.store.jobs.values()
        valid = {job.lease for job in jobs if job.state is JobState.RUNNING}
        runs = Counter(job.lease for member in self.fleet.living() for job in member.at_work() if job.lease in valid)
        assert all(number == 1 for number in runs.values()), runs.most_common(1)

    @invariant()
    def no_platform_has_more_runs_than_it_may(self) -> None:
        limits, jobs = self.fleet.scenario.limits, self.fleet.world.store.jobs.values()
        in_fleet = Counter(job.key.platform for job in jobs if job.state is JobState.RUNNING)
        assert all(in_fleet[platform] <= most for platform, most in limits.runs_per_fleet.items()), in_fleet
        for member in self.fleet.living():
            here = Counter(job.key.platform for job in member.at_work())
            assert all(here[platform] <= most for platform, most in limits.runs_per_process.items()), here

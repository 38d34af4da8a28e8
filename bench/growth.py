"""What it costs to plan a schedule that is due and to claim its job, among ever more that are not due."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.contest import Contest, Contestant, Figures
from bench.many import many_schedules
from bench.processes import PRODUCT, told_by
from bench.server import BenchServer

FEW, MORE, MANY = 1_000, 100_000, 1_000_000
FLAT = 1.5  # times what it takes among a few, at most
ROUNDS = 3


@contextmanager
def contest(server: BenchServer) -> Iterator[Contest]:
    def among(schedules: int) -> Callable[[], Figures]:
        dsn = many_schedules(server, schedules)
        return lambda: told_by(PRODUCT, "bench.ours.growth", dsn, f"--schedules={schedules}")

    flat = {"µs a schedule planned": FLAT, "µs a job claimed": FLAT}
    yield Contest(
        title="Cost as it grows: 500 schedules due among so many",
        rounds=ROUNDS,
        compared=f"{MANY:,} take",
        contestants=[
            Contestant(name=f"{MANY:,}", measure=among(MANY)),
            Contestant(name=f"{MORE:,}", measure=among(MORE)),
            Contestant(name=f"{FEW:,}", measure=among(FEW), at_most_times=flat),
        ],
    )

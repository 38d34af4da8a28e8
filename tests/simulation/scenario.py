"""What a simulated run is made of. Everything in it, and all that happens, follows from the seed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from anselai.application.running_jobs import WorkerLimits

# The hours before a night in which clocks change, and the zone in which they do; and two ordinary ones.
NIGHTS = (
    (datetime(2026, 10, 24, 22, tzinfo=UTC), "Europe/Berlin"),
    (datetime(2026, 3, 28, 22, tzinfo=UTC), "Europe/Berlin"),
    (datetime(2026, 11, 1, 4, tzinfo=UTC), "America/New_York"),
    (datetime(2026, 3, 8, 5, tzinfo=UTC), "America/New_York"),
    (datetime(2026, 4, 4, 13, tzinfo=UTC), "Australia/Lord_Howe"),  # half an hour
    (datetime(2026, 10, 3, 14, tzinfo=UTC), "Australia/Lord_Howe"),
    (datetime(2011, 12, 30, 8, tzinfo=UTC), "Pacific/Apia"),  # a day that never was
    (datetime(2026, 4, 24, 21, tzinfo=UTC), "Africa/Cairo"),
    (datetime(2026, 9, 5, 2, tzinfo=UTC), "America/Santiago"),  # a gap at midnight
    (datetime(2026, 5, 20, 10, tzinfo=UTC), "Asia/Kathmandu"),
    (datetime(2027, 12, 31, 22, tzinfo=UTC), "UTC"),
)
DENSE = ("* * * * *", "*/2 * * * *", "*/3 * * * *", "*/5 * * * *", "1-59/7 * * * *", "*/10 1-3,8-23 * * *")
NATURAL = (
    "0 * * * *",
    "17 * * * *",
    "30 2 * * *",
    "15 2 * * *",
    "0 0 * * *",
    "5 1-3 * * 0",
    "30 2 * * 0",
    "59 23 * * 6",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dangers:
    """How much goes wrong. Rates are per call of a port (or per fetch), unless they say otherwise."""

    crash: float = 0.0
    frozen: float = 0.0
    lost_answer: float = 0.0
    refused: float = 0.0
    slow_call: float = 0.0  # a call that takes up to `slowest_call` seconds
    slowest_call: float = 0.5
    bad_client: float = 0.0
    lost_wakeup: float = 0.0
    freezes_per_hour: float = 0.0  # of each daemon
    stops_per_hour: float = 0.0
    outages_per_hour: float = 0.0  # of the store
    blackout: timedelta = timedelta()  # all daemons down at once, in the middle
    changes_per_hour: float = 0.0  # by people
    skew: timedelta = timedelta()  # of each clock, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    seed: int
    start: datetime
    zones: tuple[str, ...]
    crons: tuple[str, ...]
    studios: int
    daemons: int
    span: timedelta
    limits: WorkerLimits
    dangers: Dangers

    def chance(self, of: str) -> Random:
        """A source of chance of its own for each part, so that one more draw in one does not change all the others."""
        return _chance(self.seed, of)

    @property
    def is_calm(self) -> bool:
        """Nothing goes wrong, and there is room for every run: each slot has to succeed, and at once."""
        return self.dangers == Dangers()


def scenario(seed: int, *, size: float = 1.0) -> Scenario:
    """The scenario of a seed. `size` scales how many studios there are."""
    chance = _chance(seed, "scenario")
    start, zone = chance.choice(NIGHTS)
    dense = chance.random() < 0.9
    dangers = Dangers() if chance.random() < 0.1 else _dangers(chance, dense=dense)
    return Scenario(
        seed=seed,
        start=start + timedelta(seconds=chance.uniform(0, 3600)),
        zones=(zone, "UTC", chance.choice(NIGHTS)[1]),
        crons=DENSE if dense else NATURAL,
        studios=max(1, round(size * (chance.randint(20, 100) if dense else chance.randint(10, 30)))),
        daemons=chance.choice((1, 2, 2, 3, 5)) if dense else 1,
        span=timedelta(hours=chance.uniform(0.3, 1.2)) if dense else timedelta(hours=chance.uniform(5, 9)),
        limits=WorkerLimits(
            concurrency=1000 if dangers == Dangers() else chance.choice((2, 20, 200, 200)),
            lease=timedelta(seconds=chance.choice((10, 30, 60))),
            run_limit=timedelta(seconds=chance.choice((60, 300, 1800))),
            no_progress_limit=timedelta(seconds=chance.choice((20, 60, 300))),
            cancel_grace=timedelta(seconds=chance.choice((1, 5))),
            stop_grace=timedelta(seconds=chance.choice((1, 20))),
            idle_poll=timedelta(seconds=chance.choice((1, 5, 30, 30)) if dense else 30),
            runs_per_fleet={} if dangers == Dangers() else {"google": chance.choice((2, 20, 1000))},
            runs_per_process={} if dangers == Dangers() else {"meta": chance.choice((1, 20, 1000))},
        ),
        dangers=dangers,
    )


def _chance(seed: int, of: str) -> Random:
    return Random(f"{seed}/{of}")  # noqa: S311  a simulation, not a secret


def _dangers(chance: Random, *, dense: bool) -> Dangers:
    def rate(highest: float) -> float:
        return chance.choice((0.0, highest / 10, highest))

    longest_blackout = 6 if dense else 24 * 9
    return Dangers(
        crash=rate(0.003),
        frozen=rate(0.001),
        lost_answer=rate(0.01),
        refused=rate(0.01),
        slow_call=chance.choice((0.0, 0.1, 0.5)),
        slowest_call=chance.choice((0.05, 1.0, 20.0)),
        bad_client=chance.choice((0.01, 0.1, 0.5)),
        lost_wakeup=chance.choice((0.0, 0.1, 1.0)),
        freezes_per_hour=rate(4),
        stops_per_hour=rate(4),
        outages_per_hour=rate(3),
        blackout=timedelta(hours=chance.choice((0, 0, 1, chance.uniform(0, longest_blackout)))),
        changes_per_hour=chance.choice((0, 100, 1000)) if dense else chance.choice((0, 2)),
        skew=timedelta(seconds=chance.choice((0, 0.2, 5, 300))),
    )

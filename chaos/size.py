"""How big a run is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Times are in seconds. `lease` is that of the daemons, far below the 60 s they have otherwise, so that runs are
    quick. A short sync takes between `sync` and half as much again.
    """

    daemons: int = 3
    concurrency: int = 50
    lease: float = 10.0
    sync: float = 0.4
    long_syncs: int = 9
    long_sync_steps: int = 40  # of a second each: with a lease of 10 s, a long sync lives by renewals
    minutely: int = 500
    warm_up: float = 3.0
    before: float = 6.0
    after: float = 13.0
    settle: float = 75.0
    absence: float = 30.0
    fault: float = 8.0

    @property
    def capacity(self) -> float:
        """Syncs a second that the daemons could run if all else took no time."""
        return self.daemons * self.concurrency / (1.25 * self.sync)


FULL = Size()
SMALL = Size(
    daemons=2,
    concurrency=20,
    lease=3.0,
    sync=0.2,
    long_syncs=4,
    long_sync_steps=8,
    minutely=80,
    warm_up=0.5,
    before=1.0,
    after=1.0,
    settle=45.0,
    absence=3.0,
    fault=2.0,
)

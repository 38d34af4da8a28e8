"""From the instant of a due slot to the first call of the platform, while the daemon has nothing else to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench import daemon, studios
from bench.contest import Contest, Contestant, Figures
from bench.latency import percentiles
from bench.processes import PEERS, told_by
from bench.server import BenchServer

SLOTS = 250
APART = 0.07  # seconds, in which all becomes quiet again
SOON = 2.0  # seconds
MOST_MILLISECONDS = 100.0
ROUNDS = 3
NEVER_MEANWHILE = "0 0 29 2 *"  # only the slots that are written here are due


@contextmanager
def contest(server: BenchServer) -> Iterator[Contest]:
    dsn, theirs = server.create_migrated("slots"), server.create("their_slots")
    studios.fill(dsn, SLOTS, lambda *_: NEVER_MEANWHILE)
    told_by(PEERS, "bench.peers.apscheduler_due", "fill", theirs, f"--schedules={SLOTS}")

    def apscheduler() -> Figures:
        round_dsn = server.create("slots_round", "their_slots")
        arguments = ("work", round_dsn, f"--schedules={SLOTS}", f"--apart={APART}")
        return percentiles(told_by(PEERS, "bench.peers.apscheduler_due", *arguments)["late"])

    with daemon.scheduler(dsn) as ours:
        yield Contest(
            title="A due slot: from its instant to the first call of the platform, idle daemon",
            rounds=ROUNDS,
            compared="AnselAI takes",
            contestants=[
                Contestant(name="AnselAI", measure=lambda: _measured(dsn, ours), at_most={"p99 ms": MOST_MILLISECONDS}),
                Contestant(name="APScheduler 4", measure=apscheduler),
            ],
        )


def _measured(dsn: str, ours: daemon.Daemon) -> Figures:
    before, first = len(ours.calls()), daemon.now() + SOON
    slots = {studios.schedule(number): first + number * APART for number in range(SLOTS)}
    studios.make_due(dsn, ((schedule, daemon.instant(slot)) for schedule, slot in slots.items()))
    assert daemon.now() < first, "the slots were due before they were written"
    ours.wait_for_calls(before + SLOTS)
    called = {schedule: called_at for called_at, schedule in ours.calls(since=before)}
    return percentiles([called[schedule] - slot for schedule, slot in slots.items()])

"""From the call that asks for a sync to the first call of the platform, while the daemon has nothing else to do.

Ours is asked by POST /api/sync/{platform}, of an `anselai serve --no-scheduler` beside an `anselai scheduler`.
Procrastinate is asked by its own `defer_async`, so without HTTP. Each of the two has its worker in another process than
the asking one, and both wait by LISTEN.
"""

import json
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from anselai.domain.frequency import Frequency
from bench import daemon
from bench.contest import Contest, Contestant, Figures
from bench.latency import percentiles
from bench.ours.platform import NAMES
from bench.processes import PEERS, ROOT, free_port, told_by
from bench.server import BenchServer

TRIGGERS = 250
PAUSE = 0.05  # seconds between two of them, more or less, in which all becomes quiet again
MOST_MILLISECONDS = 25.0
ROUNDS = 3


@contextmanager
def contest(server: BenchServer) -> Iterator[Contest]:
    """Both daemons are up for the whole contest; the one that is not asked has nothing to do."""
    dsn, port = server.create_migrated("trigger"), free_port()
    with daemon.http_api(dsn, port), daemon.scheduler(dsn) as ours, _procrastinate(server) as their_rounds:
        yield Contest(
            title="Manual trigger: from asking to the first call of the platform, idle daemon",
            rounds=ROUNDS,
            compared="AnselAI takes",
            contestants=[
                Contestant(
                    name="AnselAI, asked over HTTP",
                    measure=_asked_over_http(ours, port),
                    at_most={"p99 ms": MOST_MILLISECONDS},
                ),
                Contestant(name="Procrastinate 3, asked by its library", measure=their_rounds),
            ],
        )


def _asked_over_http(ours: daemon.Daemon, port: int) -> Callable[[], Figures]:
    connection = HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {daemon.API_KEY}"}
    syncs = cycle([(platform, frequency) for platform in NAMES for frequency in Frequency])

    def post(path: str, body: object) -> None:
        connection.request("POST", path, json.dumps(body), headers)
        with connection.getresponse() as response:
            told = json.load(response)
        assert told["success"], told
        assert not told["data"].get("deduplicated"), "the sync before was still going"

    for platform in NAMES:
        post("/api/connections", {"platform": platform, "accessToken": "an-access-token-of-no-platform"})

    def measure() -> Figures:
        before, seconds = len(ours.calls()), []
        for number in range(TRIGGERS):
            time.sleep(PAUSE * random.uniform(0.5, 1.5))  # noqa: S311
            platform, frequency = next(syncs)
            asked_at = daemon.now()
            post(f"/api/sync/{platform}", {"frequency": frequency})
            ours.wait_for_calls(before + number + 1)
            [(called_at, called)] = ours.calls(since=before + number)
            assert called == ("default", platform, frequency), f"{called} was not asked for"
            seconds.append(called_at - asked_at)
        return percentiles(seconds)

    return measure


@contextmanager
def _procrastinate(server: BenchServer) -> Iterator[Callable[[], Figures]]:
    dsn, module = server.create("their_trigger"), "bench.peers.procrastinate_trigger"
    told_by(PEERS, module, "fill", dsn)
    with (
        TemporaryDirectory(prefix="anselai-bench-") as folder,
        Path(folder, "starts").open("w") as starts,
        subprocess.Popen([PEERS, "-m", module, "work", dsn], cwd=ROOT, stdout=starts) as worker,
    ):

        def measure() -> Figures:
            before = len(_lines(starts.name))
            asked = told_by(PEERS, module, "ask", dsn, f"--tasks={TRIGGERS}", f"--pause={PAUSE}")["asked_at"]
            for _ in daemon.patiently("the tasks to start"):
                if len(_lines(starts.name)) == before + TRIGGERS:
                    break
            told = (line.split(" ") for line in _lines(starts.name)[before:])
            started = {int(number): float(started_at) for number, started_at in told}
            return percentiles([started[number] - asked_at for number, asked_at in enumerate(asked)])

        try:
            yield measure
        finally:
            worker.terminate()


def _lines(file: str) -> Sequence[str]:
    return Path(file).read_text().splitlines()

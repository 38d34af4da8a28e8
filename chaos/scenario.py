"""One scenario from an empty database to its verdict."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chaos import evidence
from chaos.faults import Arena, Scenario
from chaos.fleet import Fleet, a_fleet
from chaos.population import fill, lines, utc_now
from chaos.proxy import proxies
from chaos.server import ChaosServer
from chaos.size import Size
from chaos.throughput import Throughput, measured
from chaos.trace import executions
from chaos.verdict import Verdict, judge

STARTING = 4.0  # seconds from filling to the first sync, about

OPEN = """
SELECT (SELECT count(*) FROM sync_jobs WHERE state IN ('queued', 'running') AND slot_at <= %(until)s)
    + (SELECT count(*) FROM sync_schedules WHERE next_slot_at <= %(until)s)
"""
# What an operator does who does not want to wait for a retry.
BRING_FORWARD = """
UPDATE sync_jobs SET run_after = statement_timestamp() WHERE state = 'queued' AND run_after > statement_timestamp()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    name: str
    verdict: Verdict
    throughput: Throughput
    exit_codes: list[int]
    last_words: list[str]  # of daemons that ended with another code than 0
    settled_after: float  # seconds


def run(server: ChaosServer, scenario: Scenario, size: Size, folder: Path, name: str) -> Result:
    """Fill, start, watch, do harm, watch, let settle, stop, judge."""
    with ExitStack() as stack:
        dsn = server.create(name)
        ways = stack.enter_context(proxies(server.socket, size.daemons)) if scenario.through_proxies else []
        dsns = [way.dsn(dsn) for way in ways] or [dsn] * size.daemons
        fleet = stack.enter_context(a_fleet(folder, dsns, size))
        seconds = STARTING + size.warm_up + size.before + scenario.seconds(size) + size.after
        now = utc_now()
        population = lines(size, now, seconds)
        fill(dsn, fleet.key, population, now)
        fleet.start_all()
        time.sleep(size.warm_up)
        steady_from = time.time()
        time.sleep(size.before)
        began = time.time()
        scenario.fault(Arena(server=server, fleet=fleet, proxies=ways, size=size))
        ended = time.time()
        time.sleep(size.after)
        until = utc_now()
        settled_after = _settle(server, dsn, fleet, size, until)
        exit_codes = fleet.stop_all()
        found = evidence.read(server, dsn)
        return Result(
            name=scenario.name,
            verdict=judge(population, found, executions(fleet.ended), until=until, lease=size.lease),
            throughput=measured(
                found.finishes(), steady_from=steady_from, began=began, ended=ended, until=until.timestamp()
            ),
            exit_codes=exit_codes,
            last_words=[each.last_words for each in fleet.ended if each.process.returncode > 0],
            settled_after=settled_after,
        )


def _settle(server: ChaosServer, dsn: str, fleet: Fleet, size: Size, until: datetime) -> float:
    """Let the daemons end what was due until then, and drop their haste to wait; how long that took."""
    fleet.hurry()
    began = time.monotonic()
    while (waited := time.monotonic() - began) < size.settle:
        [(left,)] = server.rows(dsn, OPEN, {"until": until})
        if not left:
            break
        server.rows(dsn, BRING_FORWARD)
        time.sleep(0.5)
    return waited

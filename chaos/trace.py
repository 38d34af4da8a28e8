"""What really ran, as the platform client of each process wrote it down."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from chaos.fleet import Daemon
from chaos.platform import ENDED, STARTED

Key = tuple[str, str]  # studio and frequency: a connection has one platform here


@dataclass(slots=True, kw_only=True)
class Execution:
    """One call of the client. Instants are seconds since 1970; `ended_at` is that of the process if that was killed."""

    key: Key
    cursor: str
    started_at: float
    ended_at: float
    completed: bool = False


def executions(daemons: Iterable[Daemon]) -> Mapping[Key, Sequence[Execution]]:
    """By connection and frequency, in the order in which they started."""
    found: dict[Key, list[Execution]] = defaultdict(list)
    for daemon in daemons:
        killed_at = inf if daemon.killed_at is None else daemon.killed_at
        open_ones: dict[str, Execution] = {}
        for line in daemon.trace.read_text().splitlines():
            event, number, studio, frequency, instant, cursor = line.split(" ")
            if event == STARTED:
                one = Execution(key=(studio, frequency), cursor=cursor, started_at=float(instant), ended_at=killed_at)
                open_ones[number] = one
                found[one.key].append(one)
            else:
                one = open_ones.pop(number)
                one.ended_at, one.completed = float(instant), event == ENDED
    for each in found.values():
        each.sort(key=lambda one: one.started_at)
    return found


def overlaps(of_one_key: Sequence[Execution]) -> list[tuple[Execution, Execution]]:
    """Executions that began while an earlier one was under way, with that one."""
    found = []
    latest: Execution | None = None
    for one in of_one_key:
        if latest is not None and one.started_at < latest.ended_at:
            found.append((latest, one))
        if latest is None or one.ended_at > latest.ended_at:
            latest = one
    return found

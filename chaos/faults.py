"""What is done to the daemons and to the database. Each fault returns when it is over."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from chaos.fleet import Fleet
from chaos.proxy import Proxy
from chaos.server import ChaosServer
from chaos.size import Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """All that a fault can lay hands on. There are proxies only where a scenario asks for them."""

    server: ChaosServer
    fleet: Fleet
    proxies: list[Proxy]
    size: Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    fault: Callable[[Arena], None]
    seconds: Callable[[Size], float]  # about how long the fault takes
    through_proxies: bool = False


def kill_daemons(arena: Arena) -> None:
    """SIGKILL, one after another and round again; another daemon takes the place of each at once."""
    over = time.monotonic() + arena.size.fault
    place = 0
    while time.monotonic() < over:
        arena.fleet.replace(place % len(arena.fleet.daemons))
        place += 1
        time.sleep(0.8)


def restart_fast(arena: Arena) -> None:
    arena.server.restart("fast")


def restart_immediate(arena: Arena) -> None:
    """The database crashes, and recovers from its log."""
    arena.server.restart("immediate")


def terminate_backends(arena: Arena) -> None:
    """Half of the sessions end, again and again."""
    over = time.monotonic() + arena.size.fault
    while time.monotonic() < over:
        arena.server.terminate_backends(0.5)
        time.sleep(0.4)


def freeze_connections(arena: Arena) -> None:
    """One daemon's connections never answer again, new ones do; another daemon reaches nothing at all for a while."""
    first, second, *_ = arena.proxies
    first.freeze(newcomers=False)
    second.freeze(newcomers=True)
    time.sleep(arena.size.fault)
    second.thaw()


def stop_a_daemon(arena: Arena) -> None:
    """SIGSTOP until its leases are over and others have taken its work; then it wakes and goes on, as it believes."""
    daemon = arena.fleet.daemons[0]
    daemon.signal(signal.SIGSTOP)
    time.sleep(arena.size.lease + min(3.0, arena.size.lease))
    daemon.signal(signal.SIGCONT)


def fail_over(arena: Arena) -> None:
    """The database crashes and nothing is there for a while, as when another machine takes over."""
    arena.server.stop("immediate")
    time.sleep(arena.size.absence)
    arena.server.start()


SCENARIOS = (
    Scenario(name="daemons killed", fault=kill_daemons, seconds=lambda size: size.fault + 1),
    Scenario(name="database restarted, fast", fault=restart_fast, seconds=lambda _: 1),
    Scenario(name="database restarted, immediate", fault=restart_immediate, seconds=lambda _: 2),
    Scenario(name="backends terminated", fault=terminate_backends, seconds=lambda size: size.fault),
    Scenario(
        name="connections frozen", fault=freeze_connections, seconds=lambda size: size.fault, through_proxies=True
    ),
    Scenario(name="a daemon stopped past its lease", fault=stop_a_daemon, seconds=lambda size: size.lease + 3),
    Scenario(name="database away", fault=fail_over, seconds=lambda size: size.absence + 1),
)


def everything(arena: Arena) -> None:
    """Each fault in turn, with a moment between them."""
    for scenario in SCENARIOS:
        scenario.fault(arena)
        time.sleep(1.0)
        arena.fleet.wait_until_all_work()  # a daemon that starts while the database is away ends and says so

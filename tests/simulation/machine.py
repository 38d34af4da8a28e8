"""What may happen to a fleet, step by step, in whatever order Hypothesis thinks of.

It looks for a short story in which a promise breaks. The steps of a story, as it prints them, are calls of this class:
one that was found is a test from then on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from anselai.application.ansel import Ansel
from anselai.application.connection_manager import KEEP
from anselai.domain.frequency import Frequency
from anselai.domain.schedule import CatchUp
from tests.simulation.fleet import PLATFORMS, Member
from tests.simulation.platform import BAD
from tests.simulation.process import Trouble, TroubleKind
from tests.simulation.scenario import DENSE, NATURAL, NIGHTS
from tests.simulation.stage import LEASE, Stage

STUDIO = "studio-0"

waits = st.sampled_from((0.01, 0.3, 5.0, LEASE + 1, 75.0))  # seconds
platforms = st.sampled_from([info.name for info in PLATFORMS])
frequencies = st.sampled_from(Frequency)
places = st.integers(0, 2)
skews = st.sampled_from((0.0, 0.2, -0.2, 4.0, -4.0, 300.0, -300.0))
spells = st.sampled_from((LEASE + 1, 3 * LEASE, LEASE / 2))
troubles = st.builds(Trouble, kind=st.sampled_from(TroubleKind), done=st.booleans(), seconds=spells)
calls_of_daemons = st.sampled_from(("finish", "store", "renew", "claim", "commit", "reclaim"))
calls_of_servers = st.sampled_from(("save", "remove", "commit", "enqueue", "add"))


def happening(**given: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """A rule, after which some time passes: in most stories a rule of its own for that would be left out."""

    def decorate(act: Callable[..., None]) -> Any:
        @wraps(act)
        def step(self: "FleetMachine", *, wait: float, **arguments: Any) -> None:
            act(self, **arguments)
            self.run(asyncio.sleep(wait))

        arguments: dict[str, Any] = {**given, "wait": waits}
        return rule(**arguments)(step)  # type: ignore[no-untyped-call]

    return decorate


class FleetMachine(Stage):
    @happening(minutes=st.sampled_from((2, 61, 300, 1800)))
    def nobody_works_for(self, minutes: int) -> None:
        """Every daemon is killed, and after that time each of them is there again."""
        left = [place for place in self.fleet.daemons if self.fleet.running(place) is not None]
        self.fleet.kill_all()
        self.run(asyncio.sleep(minutes * 60))
        for place in left:
            self.fleet.start(place)

    # Processes

    @happening(place=places, skew=skews)
    def a_daemon_starts(self, place: int, skew: float) -> None:
        if self.fleet.running(place) is None:
            self.fleet.start(place).process.clock.skew = timedelta(seconds=skew)

    @precondition(lambda self: self.fleet.living())
    @happening(place=places, what=st.sampled_from(("kill", "freeze", "thaw", "stop", "stop at once")), seconds=spells)
    def a_daemon_is_told_to(self, place: int, what: str, seconds: float) -> None:
        """SIGKILL, SIGSTOP, SIGCONT, SIGTERM, and a second one."""
        member = self.daemon(place)
        match what:
            case "kill":
                member.process.kill()
            case "freeze":
                member.process.freeze(seconds)
            case "thaw":
                member.process.thaw()
            case _:
                member.stop(at_once=what == "stop at once")

    @precondition(lambda self: self.fleet.living())
    @happening(place=places, call=calls_of_daemons, trouble=troubles)
    def a_daemon_will_meet(self, place: int, call: str, trouble: Trouble) -> None:
        self.daemon(place).process.armed[call] = trouble

    @happening(call=calls_of_servers, trouble=troubles)
    def the_server_will_meet(self, call: str, trouble: Trouble) -> None:
        self.fleet.api_server().process.armed[call] = trouble

    @happening(place=st.none() | places, seconds=skews)
    def a_clock_is_set(self, place: int | None, seconds: float) -> None:
        """That of a daemon, or of the API server."""
        member = self.fleet.api_server() if place is None or not self.fleet.living() else self.daemon(place)
        member.process.clock.skew = timedelta(seconds=seconds)

    def daemon(self, place: int) -> Member:
        """The daemon in that place; if it is empty, one of those that live."""
        living = self.fleet.living()
        return self.fleet.running(place) or living[place % len(living)]

    # The store, and the platforms

    @happening(seconds=st.sampled_from((0.0, 0.5, 10.0, LEASE, 3 * LEASE)), silently=st.booleans())
    def the_store_goes_away(self, seconds: float, silently: bool) -> None:
        """Or with no seconds is back at once."""
        self.fleet.world.take_store_away(seconds, silently=silently)

    @happening(platform=platforms, mood=st.sampled_from((None, *BAD)), refuses_refresh=st.booleans())
    def a_platform_becomes(self, platform: str, mood: str | None, refuses_refresh: bool) -> None:
        client = self.fleet.clients[platform]
        client.mood, client.refuses_refresh = mood, refuses_refresh

    # People, who ask the API server

    @happening(platform=platforms, what=st.sampled_from(("connect", "remove", "refresh", "test")))
    def somebody_wants_to(self, platform: str, what: str) -> None:
        def act(ansel: Ansel) -> Awaitable[object]:
            match what:
                case "connect":
                    return ansel.connections.save_connection(
                        platform, access_token="first", refresh_token="refresh", studio=STUDIO
                    )
                case "remove":
                    return ansel.connections.remove_connection(platform, studio=STUDIO)
                case "refresh":
                    return ansel.connections.refresh_token(platform, studio=STUDIO)
                case _:
                    return ansel.connections.test_connection(platform, studio=STUDIO)

        self.ask(act)

    @happening(
        platform=platforms,
        new_token=st.booleans(),
        refreshable=st.booleans(),
        expires_in=st.none() | st.sampled_from((-5, 100, 2000)),
    )
    def somebody_updates(self, platform: str, new_token: bool, refreshable: bool, expires_in: int | None) -> None:
        now = self.fleet.world.clock.now()
        self.ask(
            lambda ansel: ansel.connections.update_connection(
                platform,
                access_token="new" if new_token else KEEP,
                refresh_token="refresh" if refreshable else None,
                token_expires_at=KEEP if expires_in is None else now + timedelta(seconds=expires_in),
                studio=STUDIO,
            )
        )

    @happening(
        platform=platforms,
        frequency=frequencies,
        cron=st.none() | st.sampled_from(DENSE + NATURAL),
        timezone=st.none() | st.sampled_from(sorted({zone for _, zone in NIGHTS})),
        catch_up=st.none() | st.sampled_from(CatchUp),
        enabled=st.none() | st.booleans(),
    )
    def somebody_schedules(
        self,
        platform: str,
        frequency: Frequency,
        cron: str | None,
        timezone: str | None,
        catch_up: CatchUp | None,
        enabled: bool | None,
    ) -> None:
        self.ask(
            lambda ansel: ansel.scheduler.schedule_sync(
                platform,
                frequency,
                cron=cron,
                timezone=timezone,
                catch_up=catch_up,
                enabled=enabled,
                studio=STUDIO,
            )
        )

    @happening(platform=platforms, on=st.booleans())
    def somebody_switches(self, platform: str, on: bool) -> None:
        """Every frequency of the platform."""
        self.ask(lambda ansel: (ansel.scheduler.resume if on else ansel.scheduler.pause)(platform, studio=STUDIO))

    @happening(platform=platforms, frequency=st.none() | frequencies, request=st.none() | st.sampled_from(("a", "b")))
    def somebody_runs(self, platform: str, frequency: Frequency | None, request: str | None) -> None:
        self.ask(
            lambda ansel: ansel.scheduler.run_sync_now(platform, frequency, idempotency_key=request, studio=STUDIO)
        )

    @happening(platform=platforms, frequency=st.none() | frequencies)
    def somebody_cancels(self, platform: str, frequency: Frequency | None) -> None:
        self.ask(lambda ansel: ansel.scheduler.cancel(platform, frequency, studio=STUDIO))

    def ask(self, act: Callable[[Ansel], Awaitable[object]]) -> None:
        self.fleet.ask("asked", act)

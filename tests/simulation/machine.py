"""What may happen to a fleet, step by step, in whatever order Hypothesis thinks of.

It looks for a short story in which a promise breaks. The steps of a story, as it prints them, are calls of this class:
one that was found is a test from then on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

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

platforms = st.sampled_from([info.name for info in PLATFORMS])
frequencies = st.sampled_from(Frequency)
places = st.integers(0, 2)
skews = st.sampled_from((0.0, 0.2, -0.2, 4.0, -4.0, 300.0, -300.0))
spells = st.sampled_from((LEASE + 1, 3 * LEASE, LEASE / 2))
troubles = st.builds(Trouble, kind=st.sampled_from(TroubleKind), done=st.booleans(), seconds=spells)
calls_of_daemons = st.sampled_from(("finish", "store", "renew", "claim", "commit", "reclaim"))
calls_of_servers = st.sampled_from(("commit", "enqueue", "cancel", "add", "replace"))


class FleetMachine(Stage):
    # Time

    @rule(seconds=st.sampled_from((0.0, 0.01, 0.3, 1.0, 5.0)))
    def moments_pass(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(seconds=st.sampled_from((LEASE + 1, 61.0, 95.0)))
    def a_minute_passes(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(seconds=st.sampled_from((200.0, 600.0)))
    def minutes_pass(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(hours=st.sampled_from((1, 5, 30)))
    def nobody_works_for(self, hours: int) -> None:
        """Every daemon is killed, and after that time each of them is there again."""
        left = [place for place in self.fleet.daemons if self.fleet.running(place) is not None]
        self.fleet.kill_all()
        self.run(asyncio.sleep(hours * 3600))
        for place in left:
            self.fleet.start(place)

    # Processes

    @rule(place=places, skew=skews)
    def a_daemon_starts(self, place: int, skew: float) -> None:
        if self.fleet.running(place) is None:
            self.fleet.start(place).process.clock.skew = timedelta(seconds=skew)

    @precondition(lambda self: self.fleet.living())
    @rule(place=places)
    def a_daemon_is_killed(self, place: int) -> None:
        self.daemon(place).process.kill()

    @precondition(lambda self: self.fleet.living())
    @rule(place=places, at_once=st.booleans())
    def a_daemon_is_told_to_stop(self, place: int, at_once: bool) -> None:
        self.daemon(place).stop(at_once=at_once)

    @precondition(lambda self: self.fleet.living())
    @rule(place=places, seconds=spells)
    def a_daemon_is_frozen(self, place: int, seconds: float) -> None:
        self.daemon(place).process.freeze(seconds)

    @precondition(lambda self: self.fleet.living())
    @rule(place=places)
    def a_daemon_is_thawed(self, place: int) -> None:
        self.daemon(place).process.thaw()

    @rule(place=st.none() | places, seconds=skews)
    def a_clock_is_set(self, place: int | None, seconds: float) -> None:
        """That of a daemon, or of the API server."""
        member = self.fleet.api_server() if place is None or not self.fleet.living() else self.daemon(place)
        member.process.clock.skew = timedelta(seconds=seconds)

    @precondition(lambda self: self.fleet.living())
    @rule(place=places, call=calls_of_daemons, trouble=troubles)
    def a_daemon_will_meet(self, place: int, call: str, trouble: Trouble) -> None:
        self.daemon(place).process.armed[call] = trouble

    @rule(call=calls_of_servers, trouble=troubles)
    def the_server_will_meet(self, call: str, trouble: Trouble | None) -> None:
        if trouble is not None:
            self.fleet.api_server().process.armed[call] = trouble

    def daemon(self, place: int) -> Member:
        """The daemon in that place; if it is empty, one of those that live."""
        living = self.fleet.living()
        return self.fleet.running(place) or living[place % len(living)]

    # The store, and the platforms

    @rule(seconds=st.sampled_from((0.0, 0.5, 10.0, LEASE, 3 * LEASE)), silently=st.booleans())
    def the_store_goes_away(self, seconds: float, silently: bool) -> None:
        """Or with no seconds is back at once."""
        self.fleet.world.take_store_away(seconds, silently=silently)

    @rule(platform=platforms, mood=st.sampled_from((None, *BAD)))
    def a_platform_becomes(self, platform: str, mood: str | None) -> None:
        self.fleet.clients[platform].mood = mood

    @rule(platform=platforms, refuses=st.booleans())
    def a_platform_refuses_to_refresh(self, platform: str, refuses: bool) -> None:
        self.fleet.clients[platform].refuses_refresh = refuses

    # People, who ask the API server

    @rule(platform=platforms)
    def somebody_connects(self, platform: str) -> None:
        self.ask(
            lambda ansel: ansel.connections.save_connection(
                platform, access_token="new", refresh_token="refresh", studio=STUDIO
            )
        )

    @rule(
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

    @rule(platform=platforms)
    def somebody_refreshes(self, platform: str) -> None:
        self.ask(lambda ansel: ansel.connections.refresh_token(platform, studio=STUDIO))

    @rule(platform=platforms)
    def somebody_tests(self, platform: str) -> None:
        self.ask(lambda ansel: ansel.connections.test_connection(platform, studio=STUDIO))

    @rule(platform=platforms, hitch=st.none() | troubles)
    def somebody_removes(self, platform: str, hitch: Trouble | None) -> None:
        """The hitch comes when every slot so far is accounted for."""
        self.the_server_will_meet("remove", hitch)
        self.ask(lambda ansel: ansel.connections.remove_connection(platform, studio=STUDIO))

    @rule(
        platform=platforms,
        frequency=frequencies,
        cron=st.none() | st.sampled_from(DENSE + NATURAL),
        timezone=st.none() | st.sampled_from(sorted({zone for _, zone in NIGHTS})),
        catch_up=st.none() | st.sampled_from(CatchUp),
        enabled=st.none() | st.booleans(),
        hitch=st.none() | troubles,
    )
    def somebody_schedules(
        self,
        platform: str,
        frequency: Frequency,
        cron: str | None,
        timezone: str | None,
        catch_up: CatchUp | None,
        enabled: bool | None,
        hitch: Trouble | None,
    ) -> None:
        self.the_server_will_meet("save", hitch)
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

    @rule(platform=platforms, frequency=st.none() | frequencies, on=st.booleans())
    def somebody_switches(self, platform: str, frequency: Frequency | None, on: bool) -> None:
        def act(ansel: Ansel) -> Awaitable[object]:
            switch = ansel.scheduler.resume if on else ansel.scheduler.pause
            return switch(platform, frequency, studio=STUDIO)

        self.ask(act)

    @rule(platform=platforms, frequency=st.none() | frequencies, request=st.none() | st.sampled_from(("a", "b")))
    def somebody_runs(self, platform: str, frequency: Frequency | None, request: str | None) -> None:
        self.ask(
            lambda ansel: ansel.scheduler.run_sync_now(platform, frequency, idempotency_key=request, studio=STUDIO)
        )

    @rule(platform=platforms, frequency=st.none() | frequencies)
    def somebody_cancels(self, platform: str, frequency: Frequency | None) -> None:
        self.ask(lambda ansel: ansel.scheduler.cancel(platform, frequency, studio=STUDIO))

    def ask(self, act: Callable[[Ansel], Awaitable[object]]) -> None:
        """Ask, and let everything happen that takes no time."""
        self.fleet.ask("asked", act)
        self.run(asyncio.sleep(0.001))

"""Connections, as a program sees them: over the memory adapters, which pass the same suites as PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest

from anselai.application import token_refresh
from anselai.application.ansel import Ansel
from anselai.container import open_in_memory
from anselai.domain.connection import ConnectionKey, ConnectionStatus, Credentials, PlatformConnection
from anselai.domain.errors import (
    AuthFailure,
    ClientBug,
    ConnectionExists,
    ConnectionNotFound,
    InvalidInput,
    NoRefreshToken,
    StoreUnavailable,
    TokenUnreadable,
    TransientFailure,
    UnknownPlatform,
)
from anselai.domain.frequency import Frequency
from anselai.domain.ports.connections import Connections
from anselai.domain.ports.platform_client import Batch, FetchRequest, PlatformClient, PlatformInfo, Verification
from anselai.domain.secret import Secret
from tests.fakes import FakeClock

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Flickr(PlatformClient):
    """A platform that answers as it is told, and remembers the tokens that it was shown."""

    answer: Verification | Exception = field(default_factory=lambda: Verification(ok=True))
    refusal: Exception | None = None
    renewed: Any = ...
    delay: float = 0.0
    refreshes: int = 0
    shown: list[str] = field(default_factory=list)
    info = PlatformInfo(
        name="flickr", label="Flickr", refresh_margin=timedelta(minutes=5), token_lifetime=timedelta(days=30)
    )

    def __call__(self, config: object) -> PlatformClient:
        return self

    async def verify(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Verification:
        self.shown.append(credentials.access_token.reveal())
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def refresh(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Credentials:
        await asyncio.sleep(self.delay)
        if self.refusal is not None:
            raise self.refusal
        self.refreshes += 1
        if self.renewed is not ...:
            return cast("Credentials", self.renewed)
        return replace(credentials, access_token=Secret(f"renewed-{self.refreshes}"), expires_at=now + HOUR)

    async def fetch(self, request: FetchRequest) -> AsyncIterator[Batch]:
        yield Batch()


@dataclass(slots=True)
class AwayAtFirst:
    """A store of connections that is away the first times that a refresh wants to give back what it got."""

    connections: Connections
    times: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connections, name)

    async def end_refresh(self, *given: Any) -> PlatformConnection:
        if self.times:
            self.times -= 1
            raise StoreUnavailable
        return await self.connections.end_refresh(*given)


@pytest.fixture
def flickr() -> Flickr:
    return Flickr()


@pytest.fixture
async def ansel(flickr: Flickr) -> AsyncIterator[Ansel]:
    async with open_in_memory(plugins=[flickr], clock=FakeClock(NOW)) as opened:
        yield opened


async def connect(ansel: Ansel, **given: object) -> None:
    fields = {"access_token": "access-1", "refresh_token": "refresh-1", "token_expires_at": NOW + HOUR, **given}
    await ansel.connections.save_connection("flickr", **fields)  # type: ignore[arg-type]


async def test_a_saved_connection_reads_back_without_its_tokens(ansel: Ansel) -> None:
    await connect(ansel, account_id="studio-7", scopes=["read", "read", "stats"])
    view = await ansel.connections.get_connection("flickr")
    assert (view.platform, view.account_id, view.status) == ("flickr", "studio-7", ConnectionStatus.ACTIVE)
    assert (view.scopes, view.has_refresh_token) == (("read", "stats"), True)
    assert "access-1" not in repr(view)
    assert "refresh-1" not in repr(view)


async def test_a_new_connection_gets_all_three_schedules(ansel: Ansel) -> None:
    await connect(ansel)
    [status] = (await ansel.scheduler.status()).platforms
    assert [each.schedule.frequency for each in status.schedules] == list(Frequency)
    assert all(each.schedule.next_run_at is not None and each.schedule.next_run_at > NOW for each in status.schedules)


async def test_a_platform_is_connected_once(ansel: Ansel) -> None:
    await connect(ansel)
    with pytest.raises(ConnectionExists):
        await connect(ansel)


async def test_a_platform_that_is_not_installed_is_refused(ansel: Ansel) -> None:
    with pytest.raises(UnknownPlatform):
        await ansel.connections.save_connection("myspace", access_token="token")


async def test_every_problem_of_an_input_is_told_at_once_and_nothing_is_saved(ansel: Ansel) -> None:
    with pytest.raises(InvalidInput) as refused:
        await ansel.connections.save_connection(
            "flickr",
            access_token=" ",
            refresh_token="\x00",
            account_id="",
            token_expires_at=datetime(2026, 1, 1),
            scopes=["fine", ""],
        )
    paths = [problem.path for problem in refused.value.problems]
    assert paths == ["accessToken", "refreshToken", "accountId", "scopes[1]", "tokenExpiresAt"]
    assert await ansel.connections.list_connections() == []


async def test_new_tokens_make_a_connection_active_again(ansel: Ansel, flickr: Flickr) -> None:
    await connect(ansel)
    flickr.answer = Verification(ok=False, reason="revoked")
    assert (await ansel.connections.test_connection("flickr")).status is ConnectionStatus.ERROR
    view = await ansel.connections.update_connection("flickr", access_token="access-2")
    assert (view.status, view.last_error, view.token_expires_at) == (ConnectionStatus.ACTIVE, None, None)


async def test_an_update_replaces_the_given_fields_and_keeps_the_others(ansel: Ansel, flickr: Flickr) -> None:
    await connect(ansel, account_id="a", scopes=["read"])
    view = await ansel.connections.update_connection("flickr", account_id=None)
    assert (view.account_id, view.scopes, view.token_expires_at) == (None, ("read",), NOW + HOUR)
    await ansel.connections.test_connection("flickr")
    assert flickr.shown == ["access-1"]


async def test_a_test_that_the_platform_passes_leaves_the_connection_active(ansel: Ansel) -> None:
    await connect(ansel)
    test = await ansel.connections.test_connection("flickr")
    assert (test.ok, test.status, test.checked_at, test.reason) == (True, ConnectionStatus.ACTIVE, NOW, None)


async def test_a_test_that_fails_says_why_and_is_remembered(ansel: Ansel, flickr: Flickr) -> None:
    await connect(ansel)
    flickr.answer = Verification(ok=False, reason="the scopes were taken back")
    test = await ansel.connections.test_connection("flickr")
    view = await ansel.connections.get_connection("flickr")
    assert (test.ok, test.reason) == (False, "the scopes were taken back")
    assert (view.status, view.last_error) == (ConnectionStatus.ERROR, "the scopes were taken back")


@pytest.mark.parametrize("trouble", [TransientFailure("503 from Flickr"), KeyError("id")])
async def test_a_platform_in_trouble_fails_the_test_but_says_nothing_of_the_connection(
    ansel: Ansel, flickr: Flickr, trouble: Exception
) -> None:
    await connect(ansel)
    flickr.answer = trouble
    test = await ansel.connections.test_connection("flickr")
    assert (test.ok, test.status) == (False, ConnectionStatus.ACTIVE)
    assert test.reason


async def test_what_a_client_says_of_a_failure_never_shows_the_token(ansel: Ansel, flickr: Flickr) -> None:
    await connect(ansel)
    flickr.answer = RuntimeError("401 for access-1 (refresh-1)")
    test = await ansel.connections.test_connection("flickr")
    assert test.reason == "The Flickr client failed: RuntimeError: 401 for *** (***)"


async def test_a_token_past_its_expiry_shows_as_expired_before_anything_notices(flickr: Flickr) -> None:
    clock = FakeClock(NOW)
    async with open_in_memory(plugins=[flickr], clock=clock) as ansel:
        await connect(ansel)
        clock.advance(HOUR)
        assert (await ansel.connections.get_connection("flickr")).status is ConnectionStatus.EXPIRED
        view = await ansel.connections.refresh_token("flickr")
        assert (view.status, view.token_expires_at) == (ConnectionStatus.ACTIVE, NOW + 2 * HOUR)


async def test_many_who_ask_for_a_refresh_at_once_share_one(ansel: Ansel, flickr: Flickr) -> None:
    await connect(ansel)
    flickr.delay = 0.01
    views = await asyncio.gather(*(ansel.connections.refresh_token("flickr") for _ in range(50)))
    assert flickr.refreshes == 1
    assert {view.token_expires_at for view in views} == {NOW + HOUR}


async def test_a_refresh_goes_on_when_the_one_who_asked_goes_away(ansel: Ansel, flickr: Flickr) -> None:
    await connect(ansel)
    flickr.delay = 0.01
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await ansel.connections.refresh_token("flickr")
    await ansel.connections.refresh_token("flickr")
    assert flickr.refreshes == 1


async def test_tokens_that_were_replaced_during_a_refresh_win(ansel: Ansel, flickr: Flickr) -> None:
    await connect(ansel)
    flickr.delay = 0.02
    refreshing = asyncio.create_task(ansel.connections.refresh_token("flickr"))
    await asyncio.sleep(0.005)
    await ansel.connections.update_connection("flickr", access_token="access-2")
    assert (await refreshing).token_expires_at is None  # the connection as it is now, not as the refresh left it
    await ansel.connections.test_connection("flickr")
    assert flickr.shown == ["access-2"]


async def test_a_grant_that_is_gone_makes_the_connection_expired(ansel: Ansel, flickr: Flickr) -> None:
    await connect(ansel)
    flickr.refusal = AuthFailure("invalid_grant for refresh-1")
    with pytest.raises(AuthFailure) as refused:
        await ansel.connections.refresh_token("flickr")
    view = await ansel.connections.get_connection("flickr")
    assert str(refused.value) == view.last_error == "invalid_grant for ***"
    assert view.status is ConnectionStatus.EXPIRED


async def test_a_refresh_that_fails_leaves_alone_what_was_changed_meanwhile(ansel: Ansel, flickr: Flickr) -> None:
    await connect(ansel, scopes=["old"])
    flickr.delay, flickr.refusal = 0.02, TransientFailure("503")
    refreshing = asyncio.create_task(ansel.connections.refresh_token("flickr"))
    await asyncio.sleep(0.005)
    await ansel.connections.update_connection("flickr", scopes=["new"], token_expires_at=NOW + 9 * HOUR)
    with pytest.raises(TransientFailure):
        await refreshing
    view = await ansel.connections.get_connection("flickr")
    assert (view.scopes, view.token_expires_at) == (("new",), NOW + 9 * HOUR)


async def test_rotated_tokens_outlive_a_store_that_is_away_when_they_come(
    ansel: Ansel, flickr: Flickr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_refresh, "STORE_AGAIN", timedelta(milliseconds=1))
    await connect(ansel)
    refresher = ansel.connections.refresher
    away = AwayAtFirst(connections=refresher.connections, times=3)
    object.__setattr__(refresher, "connections", away)
    await ansel.connections.refresh_token("flickr")
    assert (away.times, flickr.refreshes) == (0, 1)
    await ansel.connections.test_connection("flickr")
    assert flickr.shown == ["renewed-1"]


@pytest.mark.parametrize(
    "nonsense",
    [None, {"access_token": "x"}, Credentials(access_token=Secret(" ")), Credentials(access_token=cast("Any", "text"))],
)
async def test_what_a_refresh_brings_is_checked_before_it_takes_the_place_of_good_tokens(
    ansel: Ansel, flickr: Flickr, nonsense: Credentials
) -> None:
    await connect(ansel)
    flickr.renewed = nonsense
    with pytest.raises(ClientBug):
        await ansel.connections.refresh_token("flickr")
    await ansel.connections.test_connection("flickr")
    assert flickr.shown == ["access-1"]


async def test_a_platform_that_does_not_say_how_long_a_token_lives_is_taken_at_its_known_lifetime(
    ansel: Ansel, flickr: Flickr
) -> None:
    await connect(ansel)
    flickr.renewed = Credentials(access_token=Secret("renewed"), refresh_token=Secret("refresh-2"))
    view = await ansel.connections.refresh_token("flickr")
    assert view.token_expires_at == NOW + timedelta(days=30)


@pytest.mark.parametrize("answer", [True, None, Verification(ok=False, reason=cast("Any", 5))])
async def test_a_nonsensical_answer_to_a_test_is_a_failed_test(
    ansel: Ansel, flickr: Flickr, answer: Verification
) -> None:
    await connect(ansel)
    flickr.answer = answer
    test = await ansel.connections.test_connection("flickr")
    assert (test.ok, bool(test.reason)) == (False, True)


@pytest.mark.parametrize("spelling", ["access%2F1%7C%2B", "access/1%7C%2B", "access/1|+", "access\\/1|+"])
async def test_a_token_is_blotted_out_in_every_usual_spelling(ansel: Ansel, flickr: Flickr, spelling: str) -> None:
    await connect(ansel, access_token="access/1|+")
    flickr.answer = RuntimeError(f"GET https://graph/me?access_token={spelling}&x=1\x00 failed")
    test = await ansel.connections.test_connection("flickr")
    assert test.reason is not None
    assert "***" in test.reason
    assert "1|" not in test.reason
    assert "%7C" not in test.reason
    assert test.reason.isprintable()


async def test_a_failure_of_a_plug_ins_own_making_cannot_say_more_than_it_may(ansel: Ansel, flickr: Flickr) -> None:
    class Talkative(AuthFailure):
        def __str__(self) -> str:
            return "refused: refresh-1"

    await connect(ansel)
    flickr.refusal = Talkative()
    with pytest.raises(AuthFailure) as refused:
        await ansel.connections.refresh_token("flickr")
    assert str(refused.value) == "refused: ***"
    assert (await ansel.connections.get_connection("flickr")).last_error == "refused: ***"


@pytest.mark.parametrize(
    "given",
    [{"account_id": 5}, {"scopes": "ads_read"}, {"access_token": 5}, {"token_expires_at": "tomorrow"},
     {"token_expires_at": datetime.min.replace(tzinfo=timezone(HOUR))}, {"scopes": [5]}, {"refresh_token": 5}],
)  # fmt: skip
async def test_input_of_the_wrong_kind_is_refused_and_not_a_crash(ansel: Ansel, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await connect(ansel, **given)
    await connect(ansel)
    with pytest.raises(InvalidInput):
        await ansel.connections.update_connection("flickr", **given)


async def test_without_a_refresh_token_there_is_no_refresh(ansel: Ansel) -> None:
    await connect(ansel, refresh_token=None)
    with pytest.raises(NoRefreshToken):
        await ansel.connections.refresh_token("flickr")


async def test_a_removed_connection_is_gone_with_its_schedules_and_its_log_stays(ansel: Ansel) -> None:
    await connect(ansel)
    await ansel.scheduler.run_sync_now("flickr")
    assert await ansel.worker.drain() == 1
    await ansel.connections.remove_connection("flickr")
    with pytest.raises(ConnectionNotFound):
        await ansel.connections.get_connection("flickr")
    assert (await ansel.scheduler.status()).platforms[0].schedules == ()
    assert len((await ansel.scheduler.log()).entries) == 1


async def test_a_token_is_sealed_for_its_platform_and_field(ansel: Ansel) -> None:
    sealed = ansel.connections.encrypt_token("flickr", "access-1")
    assert "access-1" not in sealed
    assert ansel.connections.decrypt_token("flickr", sealed).reveal() == "access-1"
    with pytest.raises(TokenUnreadable):
        ansel.connections.decrypt_token("flickr", sealed, field="refresh_token")
    with pytest.raises(TokenUnreadable):
        ansel.connections.decrypt_token("flickr", sealed, studio="other")

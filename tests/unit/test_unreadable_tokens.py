"""A token that cannot be opened makes its connection an error that says what to do, whoever comes across it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_ring, generate_secret
from anselai.application.ansel import Ansel
from anselai.application.token_vault import TokenVault
from anselai.container import open_in_memory
from anselai.domain.connection import ConnectionKey, ConnectionStatus, PlatformConnection, SealedToken
from anselai.domain.errors import TokenUnreadable
from anselai.domain.frequency import Frequency
from anselai.domain.secret import Secret
from anselai.domain.sync_job import Outcome
from tests.fakes import FakeClock
from tests.unit.scripted_flickr import NOW, Flickr, rows

KEY = ConnectionKey("default", "flickr")
ELSEWHERE = TokenVault(cipher=AesGcmCipher(derive_ring(generate_secret())))

SPOILT: dict[str, Callable[[PlatformConnection], SealedToken]] = {
    "cut": lambda stored: SealedToken(stored.access_token[:-2]),
    "flipped": lambda stored: SealedToken(stored.access_token[:-1] + ("0" if stored.access_token[-1] != "0" else "1")),
    "of the other field": lambda stored: stored.refresh_token or SealedToken(""),
    "of an unknown key": lambda _: ELSEWHERE.encrypt_token(Secret("access-1"), KEY),
    "no sealed text": lambda _: SealedToken("plain"),
}


@pytest.fixture(params=SPOILT)
async def ansel(request: pytest.FixtureRequest) -> AsyncIterator[Ansel]:
    """With a connection whose access token was spoilt in the store."""
    async with open_in_memory(plugins=[Flickr()], clock=FakeClock(NOW)) as opened:
        await opened.connections.save_connection(
            "flickr", access_token="access-1", refresh_token="refresh-1", token_expires_at=NOW + timedelta(days=30)
        )
        connections = opened.connections.connections
        stored = await connections.get(KEY)
        await connections.replace(replace(stored, access_token=SPOILT[request.param](stored)))
        yield opened


async def is_an_error(ansel: Ansel) -> bool:
    view = await ansel.connections.get_connection("flickr")
    return (view.status, view.last_error_code) == (ConnectionStatus.ERROR, TokenUnreadable.code)


async def test_a_list_shows_it_and_opens_nothing(ansel: Ansel) -> None:
    [view] = await ansel.connections.list_connections()
    assert view.status is ConnectionStatus.ACTIVE


async def test_a_test_says_so(ansel: Ansel) -> None:
    tested = await ansel.connections.test_connection("flickr")
    assert not tested.ok
    assert "Connect the platform again" in (tested.reason or "")
    assert await is_an_error(ansel)


async def test_a_refresh_says_so(ansel: Ansel) -> None:
    with pytest.raises(TokenUnreadable):
        await ansel.connections.refresh_token("flickr")
    assert await is_an_error(ansel)


async def test_the_keeper_says_so_and_goes_on(ansel: Ansel) -> None:
    connections = ansel.connections.connections
    await connections.replace((await connections.get(KEY)).refreshed_at(NOW))
    assert await ansel.worker.keeper.tick() == 1
    assert await is_an_error(ansel)


async def test_a_run_ends_as_failed_and_the_daemon_goes_on(ansel: Ansel) -> None:
    for _ in range(2):
        await ansel.scheduler.run_sync_now("flickr", Frequency.HOURLY)
        assert await ansel.worker.drain() == 1
    assert {(each.outcome, each.error_code) for each in await rows(ansel)} == {(Outcome.FAILED, TokenUnreadable.code)}
    assert await is_an_error(ansel)


async def test_new_tokens_heal_it(ansel: Ansel) -> None:
    await ansel.connections.test_connection("flickr")
    view = await ansel.connections.update_connection("flickr", access_token="access-2")
    assert view.status is ConnectionStatus.ACTIVE
    assert (await ansel.connections.test_connection("flickr")).ok

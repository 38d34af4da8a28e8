"""The stubs say that they are stubs, and plug-ins are found, configured and refused by clear rules."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from anselai.adapters.platforms.google import GoogleStub
from anselai.adapters.platforms.meta import MetaStub
from anselai.adapters.platforms.pinterest import PinterestStub
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.adapters.platforms.stub import StubClient
from anselai.adapters.platforms.tiktok import TikTokStub
from anselai.domain.connection import ConnectionKey, Credentials
from anselai.domain.errors import AuthFailure, InvalidSettings, PlatformNotConfigured, UnknownPlatform
from anselai.domain.frequency import Frequency
from anselai.domain.ports.platform_client import FetchRequest, PlatformConfig, PlatformInfo
from anselai.domain.refreshing import RefreshStrategy, SecondUse
from anselai.domain.secret import Secret

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
STUBS = [GoogleStub, MetaStub, PinterestStub, TikTokStub]
TOKENS = Credentials(
    access_token=Secret("ya29.token"), refresh_token=Secret("1//refresh"), expires_at=NOW + timedelta(minutes=1)
)


def client(stub: type[StubClient]) -> tuple[StubClient, ConnectionKey]:
    return stub(PlatformConfig(platform=stub.info.name)), ConnectionKey("default", stub.info.name)


@pytest.mark.parametrize("stub", STUBS)
async def test_a_stub_accepts_a_well_formed_token_and_says_that_it_is_simulated(stub: type[StubClient]) -> None:
    platform, key = client(stub)
    answer = await platform.verify(key, TOKENS, NOW)
    assert (answer.ok, answer.simulated, answer.reason) == (True, True, None)


@pytest.mark.parametrize("token", ["", "two words", "tab\there", "ümlaut", "a=b", "{}", "line\n"])
async def test_a_stub_refuses_a_token_that_is_not_well_formed(token: str) -> None:
    platform, key = client(GoogleStub)
    answer = await platform.verify(key, replace(TOKENS, access_token=Secret(token)), NOW)
    assert not answer.ok
    assert answer.reason == "The access token is not well-formed."


async def test_a_stub_refuses_an_expired_token_and_says_since_when() -> None:
    platform, key = client(GoogleStub)
    answer = await platform.verify(key, replace(TOKENS, expires_at=NOW), NOW)
    assert not answer.ok
    assert answer.reason == "The access token expired on 2026-11-23 12:00 UTC. Refresh it."


@pytest.mark.parametrize(
    ("stub", "lifetime", "rotates"),
    [
        (GoogleStub, timedelta(seconds=3599), False),
        (MetaStub, timedelta(days=60), False),
        (PinterestStub, timedelta(days=30), True),
        (TikTokStub, timedelta(hours=2), True),
    ],
)
async def test_a_stub_refreshes_as_its_platform_does(
    stub: type[StubClient], lifetime: timedelta, rotates: bool
) -> None:
    platform, key = client(stub)
    renewed = await platform.refresh(key, TOKENS, NOW)
    assert renewed.expires_at == NOW + lifetime
    assert renewed.access_token != TOKENS.access_token
    assert (renewed.refresh_token != TOKENS.refresh_token) is rotates
    assert (await platform.verify(key, renewed, NOW)).ok


@pytest.mark.parametrize(
    ("stub", "strategy", "second_use", "margin"),
    [
        (GoogleStub, RefreshStrategy.REFRESH_TOKEN, SecondUse.WORKS, timedelta(minutes=10)),
        (MetaStub, RefreshStrategy.EXCHANGE, SecondUse.WORKS, timedelta(days=15)),
        (PinterestStub, RefreshStrategy.REFRESH_TOKEN, SecondUse.REFUSED, timedelta(days=3)),
        (TikTokStub, RefreshStrategy.REFRESH_TOKEN, SecondUse.REFUSED, timedelta(minutes=15)),
    ],
)
def test_how_and_when_a_platform_is_asked_for_new_tokens_is_data(
    stub: type[StubClient], strategy: RefreshStrategy, second_use: SecondUse, margin: timedelta
) -> None:
    info = stub.info
    assert (info.refresh_strategy, info.second_use, info.refresh_margin) == (strategy, second_use, margin)


async def test_a_stub_refuses_a_refresh_token_that_is_not_well_formed() -> None:
    platform, key = client(GoogleStub)
    with pytest.raises(AuthFailure):
        await platform.refresh(key, replace(TOKENS, refresh_token=Secret("not a token")), NOW)


@pytest.mark.parametrize("stub", STUBS)
async def test_a_stub_fetches_one_honest_empty_batch(stub: type[StubClient]) -> None:
    platform, key = client(stub)
    request = FetchRequest(
        key=key, account_id=None, frequency=Frequency.DAILY, credentials=TOKENS, cursor=None, now=NOW
    )
    batches = [batch async for batch in platform.fetch(request)]
    assert [(batch.records, batch.has_more, batch.api_calls, batch.simulated) for batch in batches] == [
        ((), False, 0, True)
    ]


def test_the_four_platforms_are_installed() -> None:
    assert [info.name for info in InstalledPlatforms.discover({}).all()] == ["google", "meta", "pinterest", "tiktok"]


def test_a_platform_gets_the_settings_that_it_declares_and_no_others() -> None:
    values = {"META_APP_ID": Secret("1"), "GOOGLE_CLIENT_SECRET": Secret("2"), "PATH": Secret("3")}
    platforms = InstalledPlatforms.discover(values)
    meta = platforms.get("meta")
    assert isinstance(meta, MetaStub)
    assert dict(meta.config.values) == {"META_APP_ID": Secret("1")}
    assert platforms.missing_settings("meta") == ("META_APP_SECRET",)


def test_a_setting_that_is_not_set_is_an_error_only_when_it_is_needed() -> None:
    config = PlatformConfig(platform="meta")
    with pytest.raises(PlatformNotConfigured, match="META_APP_SECRET"):
        config.require("META_APP_SECRET")


def test_an_unknown_platform_is_told_with_those_that_are_known() -> None:
    with pytest.raises(UnknownPlatform, match="google, meta, pinterest, tiktok"):
        InstalledPlatforms.discover({}).get("myspace")


@dataclass(frozen=True, slots=True)
class BadlyNamed(StubClient):
    info: ClassVar[PlatformInfo] = PlatformInfo(name="My Space", label="My Space")


def test_a_plug_in_with_a_bad_or_taken_name_is_refused_at_the_start() -> None:
    with pytest.raises(InvalidSettings, match="My Space"):
        InstalledPlatforms([BadlyNamed], {})
    with pytest.raises(InvalidSettings, match="Two installed plug-ins"):
        InstalledPlatforms([GoogleStub, GoogleStub], {})

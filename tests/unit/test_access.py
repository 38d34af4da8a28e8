"""Keys and studios, and who is written down as having done what."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

import anselai
from anselai.adapters.memory.audit_log import MemoryAuditLog
from anselai.adapters.memory.store import MemoryStore
from anselai.application.access_views import KeyState
from anselai.application.ansel import Ansel
from anselai.application.audit import Audit, acting, acting_as
from anselai.domain.access import Scope
from anselai.domain.audit import Actor, AuditAction, Deed
from anselai.domain.errors import (
    ApiKeyNotFound,
    ConnectionNotFound,
    InvalidInput,
    StoreUnavailable,
    StudioExists,
    StudioInUse,
    StudioNotFound,
    Unauthenticated,
)
from tests.fakes import FakeClock

DAY = timedelta(days=1)
SOMEBODY = Actor(name="key laptop", address="127.0.0.1", request_id="r1")


@pytest.fixture
async def ansel(clock: FakeClock) -> AsyncIterator[Ansel]:
    async with anselai.in_memory(clock=clock) as ansel:
        yield ansel


async def written(ansel: Ansel, studio: str | None = "default") -> list[tuple[str, str | None, str | None]]:
    """The audit log: what was done to what, the oldest first."""
    rows = (await ansel.access.audit(studio=studio)).entries
    return [(each.action, each.subject, each.detail) for each in reversed(rows)]


async def test_a_new_key_opens_until_it_is_revoked(ansel: Ansel) -> None:
    view, text = await ansel.access.create_key("laptop", scopes=["read"])
    assert (view.name, view.scopes, view.state, view.studio) == ("laptop", (Scope.READ,), KeyState.ACTIVE, "default")
    assert (await ansel.access.authenticate(text)).key_id == view.id
    assert (await ansel.access.revoke_key(view.id)).state is KeyState.REVOKED
    with pytest.raises(Unauthenticated):
        await ansel.access.authenticate(text)
    with pytest.raises(Unauthenticated):
        await ansel.access.principal_of(view.id)


async def test_a_key_is_never_shown_again(ansel: Ansel) -> None:
    view, text = await ansel.access.create_key("laptop")
    secret = text.reveal().split("_", 2)[2]
    told = f"{view!r} {await ansel.access.list_keys()!r} {await ansel.access.audit()!r} {text!r} {ansel.access!r}"
    assert secret not in told
    assert "secret_hash" not in told


async def test_an_expired_key_is_listed_as_such(ansel: Ansel, clock: FakeClock) -> None:
    await ansel.access.create_key("laptop", expires_at=clock.now() + DAY)
    clock.advance(DAY)
    assert [each.state for each in await ansel.access.list_keys()] == [KeyState.EXPIRED]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"expires_at": datetime(2000, 1, 1).astimezone()}, "expiresAt"),
        ({"expires_at": datetime(2100, 1, 1)}, "expiresAt"),
        ({"expires_at": datetime(9999, 12, 31).astimezone()}, "expiresAt"),
        ({"studio": "No Studio"}, "studio"),
    ],
)
async def test_a_key_that_cannot_be_is_refused(ansel: Ansel, given: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await ansel.access.create_key(**{"name": "laptop"} | given)
    assert [each.path for each in refusal.value.problems] == [path]
    assert await ansel.access.list_keys() == []


async def test_a_key_of_no_studio_is_refused(ansel: Ansel) -> None:
    with pytest.raises(StudioNotFound):
        await ansel.access.create_key("laptop", studio="nobody")


async def test_a_studio_that_is_not_there_has_no_empty_lists(ansel: Ansel) -> None:
    with pytest.raises(StudioNotFound):
        await ansel.access.list_keys(studio="nobody")
    with pytest.raises(StudioNotFound, match="removed: anselai audit"):
        await ansel.access.audit(studio="nobody")
    await ansel.access.add_studio("north")
    assert await ansel.access.list_keys(studio="north") == []
    await ansel.access.remove_studio("north")
    with pytest.raises(StudioNotFound):
        await ansel.access.audit(studio="north")


async def test_what_keeps_a_studio_is_known_before_it_is_removed(ansel: Ansel) -> None:
    await ansel.access.add_studio("north")
    await ansel.connections.save_connection("google", access_token="t", studio="north")
    for studio, error in (("default", InvalidInput), ("nobody", StudioNotFound), ("north", StudioInUse)):
        with pytest.raises(error):
            await ansel.access.check_removable(studio)
    await ansel.access.check_removable("north", with_connections=True)
    assert [each.id for each in await ansel.access.list_studios()] == ["default", "north"]


async def test_studios_have_their_own_keys(ansel: Ansel) -> None:
    await ansel.access.add_studio("north")
    view, text = await ansel.access.create_key("laptop", studio="north")
    assert (await ansel.access.authenticate(text)).studio == "north"
    assert await ansel.access.list_keys() == []
    with pytest.raises(ApiKeyNotFound):
        await ansel.access.revoke_key(view.id)
    await ansel.access.authenticate(text)


@pytest.mark.parametrize("studio", ["", "-a", "A", "a b", "ä", "a" * 64, "a\n", "*", None])
async def test_a_studio_has_a_plain_id(ansel: Ansel, studio: Any) -> None:
    with pytest.raises(InvalidInput):
        await ansel.access.add_studio(studio)


async def test_a_studio_is_added_once(ansel: Ansel) -> None:
    await ansel.access.add_studio("north", name="Studio Nord")
    with pytest.raises(StudioExists):
        await ansel.access.add_studio("north")
    assert [(each.id, each.name) for each in await ansel.access.list_studios()] == [
        ("default", "default"),
        ("north", "Studio Nord"),
    ]


async def test_a_studio_with_connections_goes_only_with_them(ansel: Ansel) -> None:
    await ansel.access.add_studio("north")
    await ansel.connections.save_connection("google", access_token="t", studio="north")
    await ansel.connections.save_connection("google", access_token="t")
    _, text = await ansel.access.create_key("laptop", studio="north")
    await ansel.access.authenticate(text)
    with pytest.raises(StudioInUse):
        await ansel.access.remove_studio("north")
    await ansel.access.remove_studio("north", with_connections=True)
    with pytest.raises(Unauthenticated):
        await ansel.access.authenticate(text)
    with pytest.raises(ConnectionNotFound):
        await ansel.connections.get_connection("google", studio="north")
    assert len(await ansel.connections.list_connections()) == 1
    with pytest.raises(StudioNotFound):
        await ansel.access.remove_studio("north")


async def test_the_default_studio_is_always_there(ansel: Ansel) -> None:
    with pytest.raises(InvalidInput):
        await ansel.access.remove_studio("default")
    assert [each.id for each in await ansel.access.list_studios()] == ["default"]


async def test_every_change_is_written_down_and_no_look_is(ansel: Ansel) -> None:
    await ansel.connections.save_connection("google", access_token="a-canary", refresh_token="another-canary")
    await ansel.connections.update_connection("google", access_token="a-new-canary", scopes=["read"])
    await ansel.connections.refresh_token("google")
    await ansel.scheduler.schedule_sync("google", "daily", cron="0 4 * * *")
    await ansel.scheduler.pause("google", "hourly")
    await ansel.connections.list_connections()
    await ansel.connections.test_connection("google")
    await ansel.connections.remove_connection("google")
    view, _ = await ansel.access.create_key("laptop")
    await ansel.access.revoke_key(view.id)
    changes = await written(ansel)
    assert [(action, subject) for action, subject, _ in changes] == [
        ("connection.saved", "google"),
        ("connection.updated", "google"),
        ("connection.refreshed", "google"),
        ("schedule.changed", "google/daily"),
        ("schedule.changed", "google/hourly"),
        ("connection.removed", "google"),
        ("key.created", str(view.id)),
        ("key.revoked", str(view.id)),
    ]
    assert changes[1][2] == "accessToken, scopes"
    assert changes[3][2] == "0 4 * * * in UTC, on, catch-up latest"
    assert "canary" not in repr(changes)


async def test_what_is_set_as_it_is_already_is_neither_changed_nor_written_down(ansel: Ansel) -> None:
    await ansel.connections.save_connection("google", access_token="t")
    for _ in range(3):
        view = await ansel.scheduler.schedule_sync("google", "daily", cron="0  4 * * *", timezone="UTC", enabled=True)
        assert view.cron == "0 4 * * *"
    assert [action for action, _, _ in await written(ansel)] == ["connection.saved", "schedule.changed"]
    [kept] = [each for each in await ansel.scheduler.schedules.list("default") if each.frequency == "daily"]
    assert kept.version == 2


async def test_what_was_refused_is_not_written_down(ansel: Ansel) -> None:
    with pytest.raises(ConnectionNotFound):
        await ansel.connections.remove_connection("google")
    with pytest.raises(ConnectionNotFound):
        await ansel.scheduler.schedule_sync("google", "daily")
    with pytest.raises(InvalidInput):
        await ansel.connections.save_connection("google", access_token="")
    assert await written(ansel) == []


async def test_who_acts_is_written_down_with_address_and_request(ansel: Ansel) -> None:
    with acting_as(SOMEBODY):
        await ansel.connections.save_connection("google", access_token="t")
    await ansel.connections.remove_connection("google")
    removed, saved = (await ansel.access.audit()).entries
    assert (saved.actor, saved.address, saved.request_id) == ("key laptop", "127.0.0.1", "r1")
    assert (removed.actor, removed.address, removed.request_id) == ("library", None, None)
    assert acting().name == "library"


async def test_studios_are_written_down_for_who_runs_them_all(ansel: Ansel) -> None:
    await ansel.access.add_studio("north")
    await ansel.access.remove_studio("north")
    assert await written(ansel) == []
    assert [action for action, _, _ in await written(ansel, None)] == ["studio.added", "studio.removed"]


async def test_a_studio_that_comes_back_sees_nothing_of_the_one_before(ansel: Ansel, clock: FakeClock) -> None:
    await ansel.access.add_studio("north")
    await ansel.access.create_key("laptop", studio="north")
    await ansel.access.remove_studio("north")
    clock.advance(DAY)
    await ansel.access.add_studio("north")
    assert await written(ansel, "north") == [("studio.added", "north", "north")]


async def test_the_audit_log_is_read_page_by_page(ansel: Ansel) -> None:
    for number in range(5):
        await ansel.access.create_key(f"key {number}")
    read, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        page = await ansel.access.audit(limit=2, cursor=cursor)
        read += [each.detail for each in page.entries]
        cursor, pages = page.next_cursor, pages + 1
    assert pages == 3
    assert read == [f"key {number}: write; does not expire" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 201}, {"cursor": "?"}])
async def test_a_page_that_cannot_be_is_refused(ansel: Ansel, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await ansel.access.audit(**asked)


class FullAuditLog(MemoryAuditLog):
    """Takes nothing more."""

    async def append(self, deed: Deed) -> None:
        raise StoreUnavailable


async def test_a_deed_that_cannot_be_written_down_is_told_in_the_log(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    audit = Audit(audit_log=FullAuditLog(store=MemoryStore(clock=clock)))
    with acting_as(SOMEBODY):
        await audit.record("default", AuditAction.CONNECTION_REMOVED, "google", "a detail")
    [record] = caplog.records
    assert record.levelname == "ERROR"
    for told in ("connection.removed", "google", "key laptop", "default", "r1"):
        assert told in record.getMessage()

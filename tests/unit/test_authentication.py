"""A key opens or it does not, and nothing tells why it does not."""

import ast
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from anselai.adapters.crypto import hmac_signer
from anselai.adapters.memory.api_keys import MemoryApiKeys
from anselai.adapters.memory.store import MemoryStore
from anselai.adapters.system import RandomIds, RandomSecretTexts
from anselai.application import authentication
from anselai.application.audit import deed_of
from anselai.application.authentication import KNOWN_FOR, USE_NOTED_EVERY, Authenticator
from anselai.domain.access import ApiKey, Principal, Scope, hash_of, key_text, read_key_text
from anselai.domain.audit import AuditAction, Deed
from anselai.domain.errors import Forbidden, StoreUnavailable, Unauthenticated
from anselai.domain.ports.api_keys import ApiKeys
from anselai.domain.secret import Secret
from anselai.entrypoints.http import one_time_code
from tests.fakes import FakeClock

CONFIGURED = Secret("k9J2-a-good-key-of-the-settings-Qw7")
WHILE_KNOWN = timedelta(seconds=KNOWN_FOR)
CREATED = Deed(studio="default", actor=deed_of("", AuditAction.KEY_CREATED).actor, action=AuditAction.KEY_CREATED)


@dataclass(slots=True, kw_only=True)
class ObservedKeys(ApiKeys):
    """Keys in memory that say how often they were looked up, and that are away when told so.

    `meanwhile` happens once, between finding a key and telling it.
    """

    kept: MemoryApiKeys
    looked_up: int = 0
    meanwhile: Callable[[], Awaitable[None]] | None = None
    writes_fail: bool = False

    async def add(self, key: ApiKey, deed: Deed) -> None:
        await self.kept.add(key, deed)

    async def find(self, key_id: UUID) -> ApiKey | None:
        self.looked_up += 1
        found, meanwhile = await self.kept.find(key_id), self.meanwhile
        self.meanwhile = None
        if meanwhile is not None:
            await meanwhile()
        return found

    async def list(self, studio: str) -> Sequence[ApiKey]:
        return await self.kept.list(studio)

    async def revoke(self, studio: str, key_id: UUID, deed: Deed) -> ApiKey:
        return await self.kept.revoke(studio, key_id, deed)

    async def note_use(self, key_id: UUID, every: timedelta) -> None:
        if self.writes_fail:
            raise StoreUnavailable
        await self.kept.note_use(key_id, every)


@pytest.fixture
def keys(clock: FakeClock) -> ObservedKeys:
    return ObservedKeys(kept=MemoryApiKeys(store=MemoryStore(clock=clock)))


@pytest.fixture
def door(keys: ObservedKeys, clock: FakeClock) -> Authenticator:
    return Authenticator(api_keys=keys, clock=clock, configured_key=CONFIGURED)


async def given_out(keys: ObservedKeys, **changes: Any) -> tuple[ApiKey, Secret]:
    """A key that is stored, and its text."""
    key_id = RandomIds().new()
    text = key_text(key_id, RandomSecretTexts().new())
    key = ApiKey(
        id=key_id,
        studio="default",
        name="laptop",
        scopes=(Scope.WRITE,),
        secret_hash=hash_of(text),
        created_at=keys.kept.store.clock.now(),
    )
    key = replace(key, **changes)
    await keys.add(key, CREATED)
    return key, text


async def test_the_text_of_a_key_opens(keys: ObservedKeys, door: Authenticator) -> None:
    key, text = await given_out(keys)
    assert await door.by_text(text) == Principal(
        studio="default", scopes=frozenset({Scope.WRITE}), actor=f"key laptop ({key.id})", key_id=key.id
    )


async def test_the_key_of_the_settings_may_do_everything_in_the_default_studio(door: Authenticator) -> None:
    principal = await door.by_text(CONFIGURED)
    assert (principal.studio, principal.scopes, principal.key_id) == ("default", frozenset(Scope), None)


async def test_whatever_is_wrong_with_a_text_it_is_looked_up_once_and_refused_in_the_same_words(
    keys: ObservedKeys, door: Authenticator, clock: FakeClock
) -> None:
    key, text = await given_out(keys)
    _, expired = await given_out(keys, expires_at=clock.now())
    _, revoked = await given_out(keys, revoked_at=clock.now())
    other_secret = key_text(key.id, RandomSecretTexts().new())
    unknown = key_text(RandomIds().new(), RandomSecretTexts().new())
    misspelt = Secret(text.reveal()[:-1] + ("a" if text.reveal()[-1] != "a" else "b"))
    shouted = Secret(text.reveal().upper())
    no_key_at_all = (None, Secret(""), Secret("ansel_"), Secret("ansel_\ud83d"), Secret(CONFIGURED.reveal() + "x"))
    said = set()
    for wrong in (other_secret, unknown, misspelt, shouted, expired, revoked, *no_key_at_all):
        before = keys.looked_up
        with pytest.raises(Unauthenticated) as refusal:
            await door.by_text(wrong)
        assert keys.looked_up == before + 1, wrong
        said.add((type(refusal.value), str(refusal.value), refusal.value.__cause__))
    assert len(said) == 1


@pytest.mark.parametrize(("module", "comparisons"), [(authentication, 2), (one_time_code, 1), (hmac_signer, 1)])
def test_what_opens_is_compared_in_constant_time(module: ModuleType, comparisons: int) -> None:
    nodes = list(ast.walk(ast.parse(inspect.getsource(module))))
    called = [ast.unparse(each.func) for each in nodes if isinstance(each, ast.Call)]
    assert called.count("hmac.compare_digest") == comparisons
    assert not [each for each in nodes if isinstance(each, ast.Eq | ast.NotEq)], (
        "which would end at the first difference"
    )


async def test_a_key_that_opened_is_not_looked_up_again_for_a_while(
    keys: ObservedKeys, door: Authenticator, clock: FakeClock
) -> None:
    _, text = await given_out(keys)
    for _ in range(100):
        await door.by_text(text)
    assert keys.looked_up == 1
    clock.advance(WHILE_KNOWN)
    await door.by_text(text)
    assert keys.looked_up == 2


async def test_a_key_revoked_elsewhere_opens_five_seconds_more_at_most(
    keys: ObservedKeys, door: Authenticator, clock: FakeClock
) -> None:
    key, text = await given_out(keys)
    await door.by_text(text)
    await door.by_id(key.id)
    await keys.revoke("default", key.id, CREATED)
    clock.advance(WHILE_KNOWN)
    with pytest.raises(Unauthenticated):
        await door.by_text(text)
    with pytest.raises(Unauthenticated):
        await door.by_id(key.id)


async def test_a_key_that_is_forgotten_is_looked_up_at_once(keys: ObservedKeys, door: Authenticator) -> None:
    key, text = await given_out(keys)
    await door.by_text(text)
    await door.by_id(key.id)
    await keys.revoke("default", key.id, CREATED)
    door.forget(lambda known: known.key_id == key.id)
    with pytest.raises(Unauthenticated):
        await door.by_text(text)
    with pytest.raises(Unauthenticated):
        await door.by_id(key.id)


@pytest.mark.parametrize("by_text", [True, False])
async def test_a_key_that_is_revoked_here_while_it_is_looked_up_opens_no_more(
    keys: ObservedKeys, door: Authenticator, by_text: bool
) -> None:
    key, text = await given_out(keys)

    async def revoke() -> None:
        await keys.revoke("default", key.id, CREATED)
        door.forget(lambda known: known.key_id == key.id)

    keys.meanwhile = revoke
    with pytest.raises(Unauthenticated):
        await (door.by_text(text) if by_text else door.by_id(key.id))
    assert keys.looked_up == 2


async def test_a_key_expires_to_the_instant_also_while_it_is_known(
    keys: ObservedKeys, door: Authenticator, clock: FakeClock
) -> None:
    _, text = await given_out(keys, expires_at=clock.now() + timedelta(seconds=2))
    await door.by_text(text)
    clock.advance(timedelta(seconds=2))
    with pytest.raises(Unauthenticated):
        await door.by_text(text)


async def test_a_key_is_known_by_its_id_only_to_who_asks_by_id(keys: ObservedKeys, door: Authenticator) -> None:
    key, text = await given_out(keys)
    assert await door.by_id(key.id) == await door.by_text(text)
    with pytest.raises(Unauthenticated):
        await door.by_text(Secret(key.id.hex))
    with pytest.raises(Unauthenticated):
        await door.by_id(RandomIds().new())


async def test_the_last_use_is_noted_and_at_most_once_a_minute(
    keys: ObservedKeys, door: Authenticator, clock: FakeClock
) -> None:
    key, text = await given_out(keys)
    first_use = clock.now()
    for _ in range(11):
        await door.by_text(text)
        clock.advance(WHILE_KNOWN)
    assert keys.kept.store.api_keys[key.id].last_used_at == first_use
    clock.advance(USE_NOTED_EVERY)
    await door.by_text(text)
    assert keys.kept.store.api_keys[key.id].last_used_at == clock.now()


async def test_a_key_opens_although_its_use_cannot_be_noted(
    keys: ObservedKeys, door: Authenticator, caplog: pytest.LogCaptureFixture
) -> None:
    key, text = await given_out(keys)
    keys.writes_fail = True
    assert (await door.by_text(text)).key_id == key.id
    assert str(key.id) in caplog.text
    assert text.reveal() not in caplog.text


@pytest.mark.parametrize(
    ("has", "may"),
    [
        ((Scope.READ,), (Scope.READ,)),
        ((Scope.WRITE,), (Scope.READ, Scope.WRITE)),
        ((Scope.ADMIN,), tuple(Scope)),
        ((Scope.READ, Scope.WRITE), (Scope.READ, Scope.WRITE)),
        ((), ()),
    ],
)
def test_admin_includes_write_and_write_includes_read(has: tuple[Scope, ...], may: tuple[Scope, ...]) -> None:
    principal = Principal(studio="default", scopes=frozenset(has), actor="key laptop")
    assert tuple(each for each in Scope if principal.may(each)) == may
    for scope in set(Scope) - set(may):
        with pytest.raises(Forbidden, match=f"scope {scope}"):
            principal.require(scope)


def test_the_text_of_a_key_names_its_id_and_is_long_enough() -> None:
    key_id = RandomIds().new()
    text = key_text(key_id, RandomSecretTexts().new())
    assert read_key_text(text) == key_id
    assert len(text.reveal()) == len("ansel_") + 32 + len("_") + 43
    assert read_key_text(Secret(f"{text.reveal()}\n")) is None

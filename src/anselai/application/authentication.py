"""From the text of a key to who has it."""

import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from anselai.domain.access import ApiKey, Principal, Scope, hash_of, read_key_text
from anselai.domain.connection import DEFAULT_STUDIO
from anselai.domain.errors import StoreUnavailable, Unauthenticated
from anselai.domain.ports.api_keys import ApiKeys
from anselai.domain.ports.clock import Clock
from anselai.domain.secret import Secret

KNOWN_FOR: Final = 5.0  # seconds that a key is not looked up again: so long a revoked one may still open elsewhere
USE_NOTED_EVERY: Final = timedelta(minutes=1)
CONFIGURED: Final = Principal(studio=DEFAULT_STUDIO, scopes=frozenset(Scope), actor="key ANSELAI_API_KEY")

_MOST_KNOWN: Final = 10_000
_NOBODY: Final = UUID(int=0)  # looked up where there is no id, so that this takes as long
_NO_HASH: Final = bytes(32)

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that was looked up; `until` is a monotonic instant."""

    principal: Principal
    until: float
    expires_at: datetime | None


@dataclass(slots=True, kw_only=True)
class Authenticator:
    """Knows keys that opened for KNOWN_FOR seconds. Both methods raise Unauthenticated and StoreUnavailable."""

    api_keys: ApiKeys
    clock: Clock
    configured_key: Secret | None = None
    known: dict[bytes, KnownKey] = field(default_factory=dict, init=False, repr=False, compare=False)
    forgotten: int = field(default=0, init=False, repr=False, compare=False)

    async def by_text(self, text: Secret | None) -> Principal:
        """Who has the key with this text. Whatever is wrong with it is told in the same words, at the same cost."""
        given = Secret("") if text is None else text
        digest = hash_of(given)
        known = self._known(digest)
        if known is not None:
            return known
        if self.configured_key is not None and hmac.compare_digest(hash_of(self.configured_key), digest):
            return CONFIGURED
        key = await self._find(read_key_text(given) or _NOBODY)
        matches = hmac.compare_digest(_NO_HASH if key is None else key.secret_hash, digest)
        if key is None or not matches:
            raise Unauthenticated
        return await self._let_in(digest, key)

    async def by_id(self, key_id: UUID) -> Principal:
        """Who has the key with this id: for somebody who showed its text before."""
        known = self._known(key_id.bytes)  # 16 bytes, which are no SHA-256
        if known is not None:
            return known
        key = await self._find(key_id)
        if key is None:
            raise Unauthenticated
        return await self._let_in(key_id.bytes, key)

    def forget(self, whom: Callable[[Principal], bool]) -> None:
        """Look these up again when they next come, and whoever is being looked up."""
        self.forgotten += 1
        for digest in [each for each, known in self.known.items() if whom(known.principal)]:
            del self.known[digest]

    def _known(self, digest: bytes) -> Principal | None:
        known = self.known.get(digest)
        if known is None or known.until <= self.clock.monotonic():
            return None
        if known.expires_at is not None and known.expires_at <= self.clock.now():
            return None
        return known.principal

    async def _find(self, key_id: UUID) -> ApiKey | None:
        while True:
            forgotten = self.forgotten
            key = await self.api_keys.find(key_id)
            if self.forgotten <= forgotten:  # otherwise it may have been revoked while we asked
                return key

    async def _let_in(self, digest: bytes, key: ApiKey) -> Principal:
        now = self.clock.now()
        if not key.opens_at(now):
            raise Unauthenticated
        principal = Principal(
            studio=key.studio, scopes=frozenset(key.scopes), actor=f"key {key.name} ({key.id})", key_id=key.id
        )
        if len(self.known) >= _MOST_KNOWN:
            self.known.clear()
        self.known[digest] = KnownKey(principal, self.clock.monotonic() + KNOWN_FOR, key.expires_at)
        if key.last_used_at is None or key.last_used_at <= now - USE_NOTED_EVERY:
            await self._note_use(key)
        return principal

    async def _note_use(self, key: ApiKey) -> None:
        try:
            await self.api_keys.note_use(key.id, USE_NOTED_EVERY)
        except StoreUnavailable as unavailable:
            _log.warning("The use of the API key %s could not be noted: %s", key.id, unavailable)

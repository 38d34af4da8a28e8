"""What stands behind `anselai keys`: which keys there are, which of them stored tokens need, which may go."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from anselai.application.audit import Audit
from anselai.application.seal_ledger import MOST_SEALS, WARN_FROM, warn_of
from anselai.domain.access import EVERY_STUDIO
from anselai.domain.audit import AuditAction
from anselai.domain.errors import KeyNeeded, KeysMissing, NotFound
from anselai.domain.ports.cipher import TokenCipher
from anselai.domain.ports.kept_keys import KeptKeys
from anselai.domain.ports.sealed_tokens import IN_FILES, SealedTokens

log = logging.getLogger("anselai.keys")

NAMED = 5  # connections in a sentence


class KeyRole(StrEnum):
    """`primary` seals, `older` opens; `missing` is not here, but stored tokens need it; `gone` is needed no more;
    `damaged` is no key: stored texts name it, and nothing ever sealed with it.
    """

    PRIMARY = "primary"
    OLDER = "older"
    MISSING = "missing"
    GONE = "gone"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingKeyView:
    """A key, how many connections need it, and how often it has sealed at most."""

    id: str
    role: KeyRole
    rows: int
    seals: int
    first_used_at: datetime | None
    last_used_at: datetime | None

    @property
    def worn(self) -> float:
        """The share of the seals that are safe which it has made."""
        return self.seals / MOST_SEALS

    @property
    def warning(self) -> str | None:
        if self.role is KeyRole.MISSING:
            return "stored tokens need it: add it to ENCRYPTION_KEYS_OLD"
        if self.role is KeyRole.DAMAGED:
            return "no such key ever sealed: the stored texts are damaged, connect their platforms again"
        if self.seals >= MOST_SEALS:
            return "has sealed 2^32 times, the most that is safe: anselai keys rotate"
        if self.seals >= WARN_FROM:
            return "has made half of the 2^32 seals that are safe: anselai keys rotate"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingKeys:
    """The ring of this process against what is stored. All methods raise StoreUnavailable.

    `keys_in_files` says that its primary key is one of files.
    """

    cipher: TokenCipher
    sealed_tokens: SealedTokens
    audit: Audit
    keys_in_files: bool = False

    async def status(self) -> Sequence[SealingKeyView]:
        """Every key of the ring, in its order, and then every other that is needed or was ever used."""
        ring, rows, uses = (
            self.cipher.key_ids(),
            await self.sealed_tokens.rows_per_key(),
            await self.sealed_tokens.uses(),
        )
        others = sorted({*rows, *uses} - {*ring}, key=lambda key_id: (key_id not in rows, key_id))
        states = []
        for key_id in (*ring, *others):
            use = uses.get(key_id)
            states.append(
                SealingKeyView(
                    id=key_id,
                    role=_role(key_id, ring, rows.get(key_id, 0), was_used=use is not None),
                    rows=rows.get(key_id, 0),
                    seals=use.seals if use else 0,
                    first_used_at=use.first_used_at if use else None,
                    last_used_at=use.last_used_at if use else None,
                )
            )
        return states

    async def check(self) -> None:
        """Raises KeysMissing when a stored token needs a key that is not in the ring. Warns of keys that are worn.

        A text that names a key which never sealed is damaged. That is told, and is no reason for nobody to start: its
        connection says so by itself when it is used.
        """
        ring = self.cipher.key_ids()
        rows = {key_id: n for key_id, n in (await self.sealed_tokens.rows_per_key()).items() if key_id not in ring}
        uses = await self.sealed_tokens.uses()  # after the rows: seals are counted before they are stored
        missing = {key_id: number for key_id, number in rows.items() if key_id in uses}
        damaged = rows.keys() - missing.keys()
        if missing:
            raise KeysMissing(missing, await self._some_beyond(*ring, *damaged))
        if damaged:
            some = ", ".join(await self._some_beyond(*ring))
            log.error("Stored tokens are damaged, for example those of %s. Connect these platforms again.", some)
        for key_id, use in uses.items():
            if key_id in ring:
                warn_of(key_id, use.seals)

    async def _some_beyond(self, *key_ids: str) -> Sequence[str]:
        """Names of connections with a token that needs another key than these."""
        some = await self.sealed_tokens.not_sealed_with(key_ids, None, NAMED)
        return [f"{each.key.studio}/{each.key.platform}" for each in some]

    async def check_unneeded(self, key_id: str) -> None:
        """Raises KeyNeeded while this key seals, here or in a living process, or a stored token needs it, and NotFound
        for an id that nobody has heard of: whoever mistyped one must not be told that his key may go.
        """
        ring, stored = self.cipher.key_ids(), await self.sealed_tokens.rows_per_key()
        if key_id not in {*ring, *stored, *await self.sealed_tokens.uses()}:
            raise NotFound("There is no such key. See: anselai keys status")  # it may be a key in the place of its id
        if key_id == ring[0]:
            raise KeyNeeded(f"The key {key_id} is the primary one, which seals. Make another the primary one first.")
        rows = stored.get(key_id, 0)
        if rows:
            raise KeyNeeded(
                f"{rows} {'connection needs' if rows == 1 else 'connections need'} the key {key_id}. "
                "Run: anselai keys rotate"
            )
        if any(self._may_seal(each, key_id) for each in await self.sealed_tokens.living_rings()):
            raise KeyNeeded(
                f"A running process still seals with the key {key_id}. Give it the ENCRYPTION_KEY that this command "
                "has, start it anew, and repeat this."
            )

    def _may_seal(self, ring: Sequence[str], key_id: str) -> bool:
        """Whether a process with this ring seals with the key. The primary one of the same files is known to be not."""
        return key_id.startswith(ring[0]) or (ring[0] == IN_FILES and not self.keys_in_files)

    async def retire(self, key_id: str, kept: KeptKeys | None) -> bool:
        """Forget a key that may go; whether it was kept here. Raises KeyNeeded, NotFound, and InvalidSettings.

        It is asked again when the key is gone: somebody may just have stored what he had sealed with it before.
        """
        await self.check_unneeded(key_id)
        forgotten = None if kept is None else kept.forget(key_id)
        if kept is None or forgotten is None:
            return False
        may_go = False
        try:
            await self.check_unneeded(key_id)
            may_go = True
        finally:
            if not may_go:  # whyever: also when nobody could tell, or a person stops this
                kept.bring_back(forgotten)
        await self.audit.record(EVERY_STUDIO, AuditAction.SEALING_KEY_RETIRED, key_id)
        return True


def _role(key_id: str, ring: Sequence[str], rows: int, *, was_used: bool) -> KeyRole:
    if key_id in ring:
        return KeyRole.PRIMARY if key_id == ring[0] else KeyRole.OLDER
    if not was_used:
        return KeyRole.DAMAGED
    return KeyRole.MISSING if rows else KeyRole.GONE

"""Counts the seals of this process in the store, ahead of what is stored, against the bound of AES-GCM.

NIST SP 800-38D, section 8.3: with random 96-bit nonces one key may seal 2^32 times.
"""

import asyncio
import logging
from dataclasses import dataclass, field

from anselai.domain.ports.sealed_tokens import SealedTokens
from anselai.domain.seal_tally import SealTally

log = logging.getLogger("anselai.keys")

MOST_SEALS = 1 << 32
WARN_FROM = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class SealLedger:
    """`settle` is awaited before a sealed text is stored. It writes once for a whole block of seals."""

    tally: SealTally
    sealed_tokens: SealedTokens
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def settle(self) -> None:
        """Every seal that this process has made is counted in the store. Raises StoreUnavailable."""
        if next(self.tally.uncounted(), None) is None:
            return
        async with self.turn:
            for key_id, seals in self.tally.uncounted():
                block = seals.next_block
                total = await self.sealed_tokens.count_seals(key_id, block)
                seals.counted += block
                warn_of(key_id, total)


def warn_of(key_id: str, seals: int) -> None:
    """Say in the log that a key has sealed too often, or soon will have."""
    if seals >= MOST_SEALS:
        log.error(
            "The encryption key %s has sealed 2^32 times, the most that is safe. Run: anselai keys rotate", key_id
        )
    elif seals >= WARN_FROM:
        log.warning(
            "The encryption key %s has made %.0f %% of the 2^32 seals that are safe. Run: anselai keys rotate",
            key_id,
            100 * seals / MOST_SEALS,
        )

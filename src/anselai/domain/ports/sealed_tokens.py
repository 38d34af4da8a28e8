"""Which sealed tokens need which keys, how often each key has sealed, and which keys others have."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from anselai.domain.connection import ConnectionKey, SealedToken

IN_FILES: Final = "files"  # in a ring, for the keys of files: they change while a process lives, so it tells no ids


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRow:
    """A connection as far as its keys are concerned."""

    id: UUID
    key: ConnectionKey
    access_token: SealedToken = field(repr=False)
    refresh_token: SealedToken | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """The same tokens, sealed anew; `before` is the row as it was read."""

    before: SealedRow
    access_token: SealedToken = field(repr=False)
    refresh_token: SealedToken | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """How often a key has sealed at most: processes count ahead, so a crash makes the number larger, never smaller."""

    seals: int
    first_used_at: datetime
    last_used_at: datetime


class SealedTokens(Protocol):
    """The sealed tokens of every studio. Each method is one transaction; all raise StoreUnavailable."""

    @abstractmethod
    async def rows_per_key(self) -> Mapping[str, int]:
        """How many connections need each key; one that needs two counts for both. A text that names no key needs ""."""

    @abstractmethod
    async def not_sealed_with(self, key_ids: Sequence[str], after: UUID | None, limit: int) -> Sequence[SealedRow]:
        """The connections with a token that needs any other key than these, by id, from the first after `after`."""

    @abstractmethod
    async def number_not_sealed_with(self, key_ids: Sequence[str]) -> int:
        """How many those are, each counted once."""

    @abstractmethod
    async def reseal(self, rows: Sequence[Resealed]) -> int:
        """Put the new sealed texts in the place of the old ones; how many connections that was.

        A connection whose sealed tokens are no longer those that were read is left alone, and so may be one that
        somebody is writing at this moment: nobody waits. `version` moves, `token_version` does not.
        """

    @abstractmethod
    async def count_seals(self, key_id: str, seals: int) -> int:
        """Count so many more seals of a key, durably; how many that makes."""

    @abstractmethod
    async def uses(self) -> Mapping[str, KeyUse]:
        """Every key that was ever counted."""

    @abstractmethod
    async def living_rings(self) -> Sequence[Sequence[str]]:
        """The rings of the processes that are connected now, as far as they tell, in no order.

        A ring is the beginnings of its key ids, the primary first; `+` as the last says that there are more. IN_FILES
        stands for those beside the embedded database.
        """

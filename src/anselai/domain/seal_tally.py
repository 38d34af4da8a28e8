"""How often each key has sealed in this process: what a store has to have counted before it keeps a sealed text."""

from collections.abc import Iterator
from dataclasses import dataclass, field

FEWEST_AT_ONCE = 16
MOST_AT_ONCE = 1 << 16


@dataclass(slots=True)
class KeySeals:
    """The seals of one key in this process: `made`, and `counted` in the store, which is to run ahead of them."""

    made: int = 0
    counted: int = 0

    @property
    def uncounted(self) -> bool:
        return self.made > self.counted

    @property
    def next_block(self) -> int:
        """What to count next: all that is owed, and as many again as were made so far, within bounds.

        So a process that seals little counts little too much when it ends, and one that seals much writes seldom.
        """
        return self.made - self.counted + min(max(self.made, FEWEST_AT_ONCE), MOST_AT_ONCE)


@dataclass(slots=True)
class SealTally:
    """The seals of every key that this process seals with."""

    keys: dict[str, KeySeals] = field(default_factory=dict)

    def of(self, key_id: str) -> KeySeals:
        return self.keys.setdefault(key_id, KeySeals())

    def uncounted(self) -> Iterator[tuple[str, KeySeals]]:
        return ((key_id, seals) for key_id, seals in tuple(self.keys.items()) if seals.uncounted)


async def nobody_counts() -> None:
    """What a store awaits before it keeps sealed texts, where nobody counts seals."""

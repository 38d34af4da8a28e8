"""How often somebody may do something: a token bucket for each, in a bounded memory."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Each holds `size` tokens at first and gets `per_second` new ones, up to its size.

    Kept as the generic cell rate algorithm does, as one instant for each: when the bucket will be full again. With more
    than `most` at a time, the one that was asked the longest ago is forgotten.
    """

    size: int
    per_second: float
    most: int = 10_000
    full_at: OrderedDict[Hashable, float] = field(default_factory=OrderedDict, init=False, repr=False)

    def take(self, whose: Hashable, now: float) -> float:
        """Take a token and return 0; without one, how many seconds it takes until there is. `now` is monotonic."""
        wait = self.wait(whose, now)
        if not wait:
            self.charge(whose, now)
        return wait

    def wait(self, whose: Hashable, now: float) -> float:
        """How many seconds it takes until there is a token, which is left there."""
        wait = self._full_at(whose, now) - now - self.size / self.per_second
        return wait if wait > 1e-6 else 0.0  # and not 0 for the limit, since instants are no exact numbers

    def charge(self, whose: Hashable, now: float) -> None:
        """Take a token, also one that is not there yet: it is owed."""
        self.full_at[whose] = self._full_at(whose, now)
        self.full_at.move_to_end(whose)
        if len(self.full_at) > self.most:
            self.full_at.popitem(last=False)

    def put_back(self, whose: Hashable) -> None:
        """Undo a take."""
        if whose in self.full_at:
            self.full_at[whose] -= 1 / self.per_second

    def _full_at(self, whose: Hashable, now: float) -> float:
        """With one token less."""
        return max(self.full_at.get(whose, now), now) + 1 / self.per_second

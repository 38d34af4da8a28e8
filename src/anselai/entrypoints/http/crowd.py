"""How many requests are answered at once: the next one is told to come back, and does not wait in memory."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from anselai.entrypoints.http.errors import RequestRefused


@dataclass(slots=True, kw_only=True)
class Crowd:
    """`most_of_one` of them for the same key or, where there is none, the same address: a body that drips keeps its
    place for as long as there is time for it.
    """

    most: int
    most_of_one: int
    inside: int = field(default=0, init=False)
    inside_of: Counter[Hashable] = field(default_factory=Counter, init=False)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises RequestRefused."""
        if self.inside >= self.most:
            raise RequestRefused(
                503, "OVERLOADED", "More is asked at once than AnselAI answers. Try again.", {"Retry-After": "1"}
            )
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    @contextmanager
    def share(self, whose: Hashable) -> Iterator[None]:
        """A place's owner, once it is known. Raises RequestRefused."""
        if self.inside_of[whose] >= self.most_of_one:
            raise RequestRefused(
                429, "TOO_MANY_AT_ONCE", "More is asked at once from here than may be. Try again.", {"Retry-After": "1"}
            )
        self.inside_of[whose] += 1
        try:
            yield
        finally:
            self.inside_of[whose] -= 1
            if not self.inside_of[whose]:
                del self.inside_of[whose]

"""How many runs of one platform may go at once: what a claim of jobs is held to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLimits:
    """By platform; one that is not named is not limited.

    `here` is how many more runs the claimer has room for, `fleet` how many runs may go at once whoever runs them.
    """

    here: Mapping[str, int] = field(default_factory=dict)
    fleet: Mapping[str, int] = field(default_factory=dict)

    @property
    def platforms(self) -> tuple[str, ...]:
        """Those that are limited."""
        return tuple(sorted(self.here.keys() | self.fleet.keys()))

    def room(self, platform: str, running: int) -> int:
        """How many more of a limited platform may be claimed while so many run in the whole fleet."""
        fleet = [self.fleet[platform] - running] if platform in self.fleet else []
        here = [self.here[platform]] if platform in self.here else []
        return max(0, min(fleet + here))


NO_LIMITS: Final = ClaimLimits()

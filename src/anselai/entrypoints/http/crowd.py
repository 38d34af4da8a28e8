"""How many requests are answered at once: the next one is told to come back, and does not wait in memory."""

from dataclasses import dataclass, field
from types import TracebackType

from anselai.entrypoints.http.errors import RequestRefused


@dataclass(slots=True, kw_only=True)
class Crowd:
    most: int
    inside: int = field(default=0, init=False)

    def __enter__(self) -> None:
        """Raises RequestRefused."""
        if self.inside >= self.most:
            raise RequestRefused(
                503, "OVERLOADED", "More is asked at once than AnselAI answers. Try again.", {"Retry-After": "1"}
            )
        self.inside += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.inside -= 1

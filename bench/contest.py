"""What is measured, in what order, and what it has to reach."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One that takes part. `measure` plays one round; of its figures the first one counts, the others are shown.

    `at_least` is what the first contestant, which is ours, has to reach: this many times this one's figure.
    `at_most_times` is what the first one may take of this one's figures, by their names, where less is better.
    `at_most` is a limit on this one's own figures. `is_ours`: the first one under other circumstances, not a rival.
    """

    name: str
    measure: Callable[[], Figures]
    at_least: float | None = None
    at_most_times: Mapping[str, float] | None = None
    at_most: Mapping[str, float] | None = None
    is_ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Contestants of one discipline, ours first. `rounds`: few where they are long, many where they are short."""

    title: str
    contestants: Sequence[Contestant]
    compared: str = "AnselAI is"
    rounds: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All rounds of one contestant."""

    contestant: Contestant
    rounds: Sequence[Figures]

    def values(self, figure: str) -> list[float]:
        return [each[figure] for each in self.rounds]

    def median(self, figure: str) -> float:
        return median(self.values(figure))

    @property
    def figures(self) -> list[str]:
        return list(self.rounds[0])


def play(contest: Contest, rounds: int, report: Callable[[str], None]) -> list[Standing]:
    """Everybody's first round, everybody's second, and so on: a change of the machine's mood meets them all."""
    played: list[list[Figures]] = [[] for _ in contest.contestants]
    for number in range(rounds):
        for contestant, figures in zip(contest.contestants, played, strict=True):
            measured = contestant.measure()
            figures.append(measured)
            told = ", ".join(f"{value:,.4g} {name}" for name, value in measured.items())
            report(f"{contest.title}, round {number + 1} of {rounds}: {contestant.name}: {told}")
    return [
        Standing(contestant=contestant, rounds=figures)
        for contestant, figures in zip(contest.contestants, played, strict=True)
    ]

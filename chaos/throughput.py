"""How fast syncs finished before a fault and after it."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = 3.0  # seconds
STEP = 0.25
BACK = 0.99
JUDGED = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """`before` in syncs a second; `share` of it in the first 10 s after; `back_after` seconds, None if not seen."""

    before: float
    share: float
    best: float
    back_after: float | None


def measured(finishes: Sequence[float], *, steady_from: float, began: float, ended: float, until: float) -> Throughput:
    """`finishes` in order. The rate is back at the first instant from which WINDOW seconds bring BACK of it."""

    def rate(first: float, last: float) -> float:
        return (bisect_left(finishes, last) - bisect_left(finishes, first)) / (last - first)

    before = rate(steady_from, began)
    window = min(WINDOW, (until - ended) / 2)
    offsets = [step * STEP for step in range(int((until - ended - window) / STEP) + 1)]
    rates = [rate(ended + offset, ended + offset + window) for offset in offsets]
    back = next((offset for offset, one in zip(offsets, rates, strict=True) if one >= BACK * before), None)
    return Throughput(
        before=before,
        share=rate(ended, min(ended + JUDGED, until)) / before if before else 0.0,
        best=max(rates) / before if before else 0.0,
        back_after=back,
    )

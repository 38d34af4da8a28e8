"""How long something took, many times over."""

from collections.abc import Sequence
from statistics import quantiles

from bench.contest import Figures


def percentiles(seconds: Sequence[float]) -> Figures:
    """In milliseconds."""
    percents = quantiles(seconds, n=100, method="inclusive")
    return {"p99 ms": percents[98] * 1000, "p50 ms": percents[49] * 1000, "worst ms": max(seconds) * 1000}

"""The table, as the README carries it."""

from collections.abc import Sequence

from chaos.scenario import Result

HEAD = (
    "Scenario",
    "Slots due",
    "Ran once",
    "Cut off, ran again",
    "Not run, and told why",
    "Failed",
    "Doubled",
    "Lost",
    "Unaccounted",
    "Syncs/s before",
    "First 10 s after",
    "99 % back after",
)


def table(results: Sequence[Result]) -> str:
    """Markdown."""
    rows = [HEAD, tuple("---" if column == 0 else "---:" for column in range(len(HEAD))), *map(_row, results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(result: Result) -> tuple[str, ...]:
    verdict, throughput = result.verdict, result.throughput
    counts = (
        verdict.due,
        verdict.once,
        verdict.again,
        verdict.accounted,
        verdict.failed,
        verdict.doubled,
        verdict.lost,
        verdict.unaccounted,
    )
    back = throughput.back_after
    return (
        result.name,
        *(f"{count:,}" for count in counts),
        f"{throughput.before:,.0f}",
        f"{throughput.share:.0%}",
        f"not seen (at best {throughput.best:.1%})" if back is None else f"{back:.1f} s",
    )

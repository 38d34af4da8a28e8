"""Standings as a Markdown table."""

from collections.abc import Iterator, Sequence

from bench.contest import Contest, Standing


def table(contest: Contest, standings: Sequence[Standing]) -> str:
    """Medians, the spread of the first figure, ours in proportion to each, and whether that is enough."""
    ours = standings[0]
    first, *others = ours.figures
    head = ["", first, "min–max", *others, "AnselAI is", "to reach", ""]
    rows = [head, ["---", *["---:"] * (len(head) - 2), "---"], *(_row(each, ours) for each in standings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ("| " + " | ".join(_padded(row, widths)) + " |" for row in rows)
    return f"### {contest.title}\n\n" + "\n".join(lines) + "\n"


def _row(standing: Standing, ours: Standing) -> list[str]:
    first, *others = ours.figures
    values = standing.values(first)
    proportion, to_reach, holds = "", [], []
    if standing is not ours:
        times = ours.median(first) / standing.median(first)
        proportion = _times(times)
        if standing.contestant.at_least is not None:
            to_reach.append(f"≥ {_times(standing.contestant.at_least)}")
            holds.append(times >= standing.contestant.at_least)
    for figure, limit in (standing.contestant.at_most or {}).items():
        to_reach.append(f"≤ {_number(limit)} {figure}")
        holds.append(standing.median(figure) <= limit)
    verdict = ("PASS" if all(holds) else "BELOW") if holds else ""
    spread = f"{_number(min(values))}–{_number(max(values))}"
    shown = [_number(standing.median(figure)) for figure in others]
    return [
        standing.contestant.name,
        _number(standing.median(first)),
        spread,
        *shown,
        proportion,
        ", ".join(to_reach),
        verdict,
    ]


def _padded(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    last = len(row) - 1
    for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.ljust(width) if column in (0, last) else cell.rjust(width)


def _times(value: float) -> str:
    return f"{value:.2f} ×" if value < 2 else f"{value:.1f} ×"


def _number(value: float) -> str:
    """Three digits that mean something, and no more."""
    if value >= 1000:
        digits = len(str(int(value))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"

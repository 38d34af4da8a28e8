"""Standings as a Markdown table."""

from collections.abc import Iterator, Sequence

from bench.contest import Contest, Standing


def table(contest: Contest, standings: Sequence[Standing]) -> str:
    """Medians, the spread of the first figure, ours in proportion to each, and whether that is enough."""
    ours = standings[0]
    first, *others = ours.figures
    head = ["", first, "min–max", *others, contest.compared, "to reach", ""]
    rows = [head, ["---", *["---:"] * (len(head) - 2), "---"], *(_row(each, ours) for each in standings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ("| " + " | ".join(_padded(row, widths)) + " |" for row in rows)
    rounds = f"{len(ours.rounds)} round{'s' if len(ours.rounds) > 1 else ''}"
    return f"### {contest.title} ({rounds})\n\n" + "\n".join(lines) + "\n"


def _row(standing: Standing, ours: Standing) -> list[str]:
    first, *others = ours.figures
    values = standing.values(first)
    to_reach, holds = _judged(standing, ours)
    compared = [] if standing is ours or standing.contestant.is_ours else standing.contestant.at_most_times or [first]
    return [
        standing.contestant.name,
        _number(standing.median(first)),
        f"{_number(min(values))}–{_number(max(values))}",
        *(_number(standing.median(figure)) for figure in others),
        ", ".join(_times(_proportion(standing, ours, figure)) for figure in compared),
        ", ".join(to_reach),
        ("PASS" if all(holds) else "FAIL") if holds else "",
    ]


def _judged(standing: Standing, ours: Standing) -> tuple[list[str], list[bool]]:
    """What is to be reached, and for each of it whether it is."""
    contestant, to_reach, holds = standing.contestant, [], []
    if contestant.at_least is not None:
        to_reach.append(f"≥ {_times(contestant.at_least)}")
        holds.append(_proportion(standing, ours, ours.figures[0]) >= contestant.at_least)
    for figure, times in (contestant.at_most_times or {}).items():
        to_reach.append(f"≤ {_times(times)} {figure}")
        holds.append(_proportion(standing, ours, figure) <= times)
    for figure, limit in (contestant.at_most or {}).items():
        to_reach.append(f"≤ {_number(limit)} {figure}")
        holds.append(standing.median(figure) <= limit)
    return to_reach, holds


def _proportion(standing: Standing, ours: Standing, figure: str) -> float:
    return ours.median(figure) / standing.median(figure)


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

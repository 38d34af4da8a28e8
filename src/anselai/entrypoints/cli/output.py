"""Tables for people, JSON for scripts: the same JSON as the API's `data`."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import msgspec

C = TypeVar("C", bound=Callable[..., Any])

WIDTH_OF_A_PIPE = 10_000  # columns: what another program reads has a line for each row, and words as they are


def json_option(command: C) -> C:
    """`--json`, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, as the API has it, for scripts.")(command)


def print_json(data: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(data), indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table no wider than the terminal. Whatever a cell holds is shown as text, whole, and never obeyed."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name == "Id")  # an id is there to be copied
    for row in rows:
        table.add_row(*(Text(cell(each)) for each in row))
    Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_PIPE, highlight=False).print(table)


def print_fields(fields: Sequence[tuple[str, object]]) -> None:
    """One thing: a line for each of its fields."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        click.echo(f"{name:<{width}}  {cell(value)}")


def cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        case tuple() | list():
            return ", ".join(cell(each) for each in value) or "-"
    return "".join(each if each.isprintable() else " " for each in str(value))

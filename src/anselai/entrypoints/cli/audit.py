"""`anselai audit`: who did what, when and from where."""

import click

from anselai.domain.connection import DEFAULT_STUDIO
from anselai.entrypoints.cli.output import json_option, print_json, print_table
from anselai.entrypoints.cli.session import progress, say, with_ansel


@click.command()
@click.option("--studio", help="Only that of one studio.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many rows at most.")
@click.option("--cursor", help="The nextCursor of a page, for the page after it.")
@json_option
def audit(*, studio: str | None, limit: int, cursor: str | None, as_json: bool) -> None:
    """Who connected, changed or removed what, made keys or studios: newest first."""
    from anselai.entrypoints.http.schemas.access import AuditPageJson

    page = with_ansel(lambda ansel: ansel.access.audit(studio=studio, limit=limit, cursor=cursor))
    if as_json:
        print_json(AuditPageJson.of(page))
        return
    if not page.entries:
        say("Nothing was done yet.")
        return
    several = any(each.studio != DEFAULT_STUDIO for each in page.entries)
    print_table(
        ("Time", *(["Studio"] if several else []), "Who", "From", "Did", "To", "Detail"),
        [
            (
                each.at,
                *([each.studio] if several else []),
                each.actor,
                each.address,
                each.action,
                each.subject,
                each.detail,
            )
            for each in page.entries
        ],
    )
    if page.next_cursor is not None:
        progress(f"Older ones: anselai audit --cursor {page.next_cursor}")

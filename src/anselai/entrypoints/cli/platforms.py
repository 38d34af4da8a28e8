"""`anselai platforms`: what is installed and configured."""

import click

from anselai.entrypoints.cli.output import json_option, print_json, print_table
from anselai.entrypoints.cli.session import with_ansel


@click.command()
@json_option
def platforms(*, as_json: bool) -> None:
    """Every installed platform, and which of its settings are missing. Never a value of one."""
    from anselai.entrypoints.http.schemas.platforms import PlatformJson

    views = with_ansel(lambda ansel: ansel.platforms.list_platforms())
    if as_json:
        print_json([PlatformJson.of(each) for each in views])
        return
    print_table(
        ("Platform", "Name", "Connected", "Client", "Set", "Missing"),
        [
            (
                each.name,
                each.label,
                each.connected,
                "stub (simulated)" if each.simulated else "real",
                each.configured,
                each.missing,
            )
            for each in views
        ],
    )

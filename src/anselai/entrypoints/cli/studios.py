"""`anselai studios`: the photography businesses that this deployment serves."""

import click

from anselai.entrypoints.cli.output import json_option, print_json, print_table
from anselai.entrypoints.cli.session import confirm, say, with_ansel


@click.group()
def studios() -> None:
    """The businesses that one deployment serves; none sees anything of another."""


@studios.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """All studios, sorted by id."""
    from anselai.entrypoints.http.schemas.access import StudioJson

    found = with_ansel(lambda ansel: ansel.access.list_studios())
    if as_json:
        print_json([StudioJson.of(each) for each in found])
    else:
        print_table(("Studio", "Name", "Since"), [(each.id, each.name, each.created_at) for each in found])


@studios.command()
@click.argument("studio")
@click.option("--name", help="What people call it; default: its id.")
@json_option
def add(*, studio: str, name: str | None, as_json: bool) -> None:
    """Add STUDIO: 1 to 63 small letters, digits and hyphens. Who works for it needs a key of it."""
    from anselai.entrypoints.http.schemas.access import StudioJson

    added = with_ansel(lambda ansel: ansel.access.add_studio(studio, name=name))
    if as_json:
        print_json(StudioJson.of(added))
    else:
        say(f"{added.id} is added. Make a key for it: anselai keys api create NAME --studio {added.id}")


@studios.command()
@click.argument("studio")
@click.option("--with-connections", is_flag=True, help="Also if it has connections: their tokens are forgotten.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(*, studio: str, with_connections: bool, yes: bool, as_json: bool) -> None:
    """Remove STUDIO with its keys, syncs, log and all its figures. Only the audit log keeps its rows."""
    if not yes:
        with_ansel(lambda ansel: ansel.access.check_removable(studio, with_connections=with_connections))
        confirm(f"Remove the studio {studio} and all that is kept of it, for ever?")
    with_ansel(lambda ansel: ansel.access.remove_studio(studio, with_connections=with_connections))
    if as_json:
        print_json({"removed": True})
    else:
        say(f"The studio {studio} is removed.")

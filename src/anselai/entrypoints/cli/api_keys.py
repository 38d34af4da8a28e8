"""`anselai keys api`: the keys of programs that use the HTTP API."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import click

from anselai.domain.access import Scope
from anselai.domain.connection import DEFAULT_STUDIO
from anselai.entrypoints.cli.output import json_option, print_json, print_table
from anselai.entrypoints.cli.session import say, with_ansel
from anselai.entrypoints.cli.tokens import moment

studio_option = click.option("--studio", default=DEFAULT_STUDIO, help="Whose key it is, where there are several.")


@click.group()
def api() -> None:
    """Keys for the HTTP API, each of one studio."""


@api.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([each.value for each in Scope]),
    multiple=True,
    default=(Scope.WRITE.value,),
    show_default=True,
    help="What it may: admin includes write, and write includes read.",
)
@click.option("--expires-at", callback=moment, metavar="TIME", help="For example 2026-01-31T12:00:00Z; default: never.")
@studio_option
@json_option
def create(*, name: str, scopes: Sequence[str], expires_at: datetime | None, studio: str, as_json: bool) -> None:
    """Make a key, called NAME in lists and in the audit log, and print it: this once, since only a hash is kept."""
    from anselai.entrypoints.http.schemas.access import ApiKeyJson, NewApiKeyJson

    view, text = with_ansel(
        lambda ansel: ansel.access.create_key(name, scopes=scopes, studio=studio, expires_at=expires_at)
    )
    if as_json:
        print_json(NewApiKeyJson(key=text.reveal(), details=ApiKeyJson.of(view)))
        return
    click.echo(text.reveal())
    click.echo("Keep it now: it is not shown again. Use it as the header  Authorization: Bearer <key>", err=True)


@api.command("list")
@studio_option
@json_option
def list_(*, studio: str, as_json: bool) -> None:
    """The studio's keys, the oldest first. Their texts are not kept."""
    from anselai.entrypoints.http.schemas.access import ApiKeyJson

    views = with_ansel(lambda ansel: ansel.access.list_keys(studio=studio))
    if as_json:
        print_json([ApiKeyJson.of(each) for each in views])
    elif views:
        print_table(
            ("Id", "Name", "Scopes", "State", "Created", "Expires", "Last used"),
            [
                (each.id, each.name, each.scopes, each.state, each.created_at, each.expires_at, each.last_used_at)
                for each in views
            ],
        )
    else:
        whose = "" if studio == DEFAULT_STUDIO else f" --studio {studio}"
        say(f"There is no key yet. Make one: anselai keys api create NAME{whose}")


@api.command()
@click.argument("key_id", type=click.UUID, metavar="ID")
@studio_option
@json_option
def revoke(*, key_id: UUID, studio: str, as_json: bool) -> None:
    """Let the key with this ID open nothing any more, in every process within five seconds."""
    from anselai.entrypoints.http.schemas.access import ApiKeyJson

    view = with_ansel(lambda ansel: ansel.access.revoke_key(key_id, studio=studio))
    if as_json:
        print_json(ApiKeyJson.of(view))
    else:
        say(f"The key {view.name} is revoked.")

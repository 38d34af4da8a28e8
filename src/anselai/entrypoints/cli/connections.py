"""`anselai connections`: connect platforms, and keep them connected."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from anselai.application.connection_manager import KEEP
from anselai.application.views import ConnectionView
from anselai.entrypoints.cli.output import json_option, print_fields, print_json, print_table
from anselai.entrypoints.cli.session import confirm, say, with_ansel
from anselai.entrypoints.cli.tokens import ask, moment, read_tokens, token_file


@click.group()
def connections() -> None:
    """Connect platforms, test and refresh them."""


@connections.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """All connections, sorted by platform."""
    views = with_ansel(lambda ansel: ansel.connections.list_connections())
    if as_json:
        print_json([_json(each) for each in views])
    elif views:
        print_table(
            ("Platform", "Account", "Status", "Token expires", "Last sync", "Last error"),
            [
                (each.platform, each.account_id, each.status, each.token_expires_at, each.last_sync_at, each.last_error)
                for each in views
            ],
        )
    else:
        say("Nothing is connected yet. Connect a platform, for example: anselai connections add google")


@connections.command()
@click.argument("platform")
@json_option
def show(*, platform: str, as_json: bool) -> None:
    """One connection."""
    _print(with_ansel(lambda ansel: ansel.connections.get_connection(platform)), as_json=as_json)


@connections.command()
@click.argument("platform")
@token_file("access-token", "The file that holds the access token; - is standard input.")
@token_file("refresh-token", "The file that holds the refresh token; - is standard input.")
@click.option("--account-id", help="The account at the platform.")
@click.option(
    "--expires-at",
    callback=moment,
    metavar="TIME",
    help="When the access token expires, for example 2026-01-31T12:00:00Z.",
)
@click.option("--scope", "scopes", multiple=True, help="A scope that was granted; may be given several times.")
@json_option
def add(
    *,
    platform: str,
    access_token_file: str | None,
    refresh_token_file: str | None,
    account_id: str | None,
    expires_at: datetime | None,
    scopes: Sequence[str],
    as_json: bool,
) -> None:
    """Connect PLATFORM. Tokens are asked for, unseen, or read from files: never given as an argument."""
    access_token, refresh_token = read_tokens(access_token_file, refresh_token_file)
    if access_token is None:
        access_token = ask("Access token")
        if refresh_token is None:
            refresh_token = ask("Refresh token (Enter if there is none)", may_be_empty=True)
    view = with_ansel(
        lambda ansel: ansel.connections.save_connection(
            platform,
            access_token=access_token or "",
            refresh_token=refresh_token,
            account_id=account_id,
            token_expires_at=expires_at,
            scopes=scopes,
        ),
        uses_tokens=True,
    )
    _print(view, as_json=as_json)


@connections.command()
@click.argument("platform")
@click.option("--new-tokens", is_flag=True, help="Ask for new tokens.")
@token_file("access-token", "The file that holds a new access token; - is standard input.")
@token_file("refresh-token", "The file that holds a new refresh token; - is standard input.")
@click.option("--forget-refresh-token", is_flag=True, help="Keep no refresh token any more.")
@click.option("--account-id", help="Another account at the platform.")
@click.option("--expires-at", callback=moment, metavar="TIME", help="When the access token expires.")
@click.option("--scope", "scopes", multiple=True, help="The scopes that were granted, in place of the stored ones.")
@json_option
def update(
    *,
    platform: str,
    new_tokens: bool,
    access_token_file: str | None,
    refresh_token_file: str | None,
    forget_refresh_token: bool,
    account_id: str | None,
    expires_at: datetime | None,
    scopes: Sequence[str],
    as_json: bool,
) -> None:
    """Change what is given of PLATFORM's connection. A new access token makes it active again."""
    access_token, refresh_token = read_tokens(access_token_file, refresh_token_file)
    if new_tokens and access_token is None:
        access_token = ask("New access token")
        if refresh_token is None and not forget_refresh_token:
            refresh_token = ask("New refresh token (Enter to keep the stored one)", may_be_empty=True)
    if forget_refresh_token and refresh_token is not None:
        raise click.UsageError("--forget-refresh-token and a new refresh token exclude each other.")
    given = {
        "access_token": access_token,
        "refresh_token": refresh_token,
        "account_id": account_id,
        "token_expires_at": expires_at,
        "scopes": scopes or None,
    }
    change: dict[str, Any] = {name: KEEP if value is None else value for name, value in given.items()}
    if forget_refresh_token:
        change["refresh_token"] = None
    if all(value is KEEP for value in change.values()):
        raise click.UsageError("Nothing to change was given.")
    view = with_ansel(lambda ansel: ansel.connections.update_connection(platform, **change), uses_tokens=True)
    _print(view, as_json=as_json)


@connections.command()
@click.argument("platform")
@json_option
def test(*, platform: str, as_json: bool) -> None:
    """Ask PLATFORM whether the stored token works; exit with 1 if it does not."""
    from anselai.entrypoints.http.schemas.connections import TestJson

    result = with_ansel(lambda ansel: ansel.connections.test_connection(platform), uses_tokens=True)
    if as_json:
        print_json(TestJson.of(result))
    else:
        simulated = " (simulated: a stub answered, not the platform)" if result.simulated else ""
        say(f"{platform}: {'the token works' if result.ok else f'failed: {result.reason}'}{simulated}")
    if not result.ok:
        raise SystemExit(1)


@connections.command()
@click.argument("platform")
@json_option
def refresh(*, platform: str, as_json: bool) -> None:
    """Get a new token from PLATFORM with the stored refresh token."""
    _print(with_ansel(lambda ansel: ansel.connections.refresh_token(platform), uses_tokens=True), as_json=as_json)


@connections.command()
@click.argument("platform")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(*, platform: str, yes: bool, as_json: bool) -> None:
    """Forget PLATFORM's connection with its tokens, schedules and queued syncs. Its log stays."""
    if not yes:
        with_ansel(lambda ansel: ansel.connections.check_removable(platform))
        confirm(f"Forget the {platform} connection, its tokens and its schedules?")
    with_ansel(lambda ansel: ansel.connections.remove_connection(platform))
    if as_json:
        print_json({"removed": True})
    else:
        say(f"{platform} is no longer connected.")


def _json(view: ConnectionView) -> object:
    from anselai.entrypoints.http.schemas.connections import ConnectionJson

    return ConnectionJson.of(view)


def _print(view: ConnectionView, *, as_json: bool) -> None:
    if as_json:
        print_json(_json(view))
        return
    print_fields(
        [
            ("Platform", view.platform),
            ("Account", view.account_id),
            ("Status", view.status),
            ("Scopes", view.scopes),
            ("Token expires", view.token_expires_at),
            ("Refresh token", "stored" if view.has_refresh_token else None),
            ("Last sync", view.last_sync_at),
            ("Last error", view.last_error),
            ("Connected", view.created_at),
            ("Changed", view.updated_at),
        ]
    )

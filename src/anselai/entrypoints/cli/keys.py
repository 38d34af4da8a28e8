"""`anselai keys`: the keys that seal tokens, of which only ids are ever shown; `anselai keys api` lies beside it."""

import sys
from collections.abc import Sequence

import click

from anselai.application.ansel import Ansel
from anselai.application.key_rotation import RotationResult
from anselai.application.sealing_keys import KeyRole, SealingKeyView
from anselai.entrypoints.cli.output import json_option, print_json, print_table
from anselai.entrypoints.cli.session import say, settings_and_log, with_ansel
from anselai.settings import Settings

Rotated = tuple[RotationResult, Sequence[SealingKeyView]]

NAMELESS = "(none named)"
NEXT_KEY = """For a new key, where ENCRYPTION_KEY is set:
  1. Make one:  anselai keys generate
  2. Add it to ENCRYPTION_KEYS_OLD of every process, and start each of them anew. Now all can open it.
  3. Everywhere make it the ENCRYPTION_KEY, put the one so far into ENCRYPTION_KEYS_OLD, and start anew.
  4. Seal every token with it:  anselai keys rotate
  5. Ask whether the old key may go:  anselai keys retire ID"""


@click.group()
def keys() -> None:
    """Encryption keys, and the keys of programs that use the API."""


@keys.command()
def generate() -> None:
    """Print a new ENCRYPTION_KEY: 32 random bytes as base64. Nothing is stored."""
    from anselai.container import generate_key

    click.echo(generate_key().reveal())
    if sys.stdout.isatty():
        click.echo(
            "Put it into .env as ENCRYPTION_KEY=... and keep a copy: without it no stored token opens.", err=True
        )


@keys.command()
@json_option
def status(*, as_json: bool) -> None:
    """Which keys there are, how many connections need each, and how often it has sealed.

    The exit code is 1 if stored tokens need a key that is not here.
    """
    from anselai.container import key_in_use
    from anselai.entrypoints.http.schemas.keys import SealingKeyJson

    source = key_in_use(settings_and_log()).source
    states = with_ansel(lambda ansel: ansel.keys.status())
    if as_json:
        print_json([SealingKeyJson.of(each) for each in states])
    else:
        say(f"The primary key comes from {source}.\n")
        print_table(
            ("Key", "Role", "Connections", "Seals", "Of 2^32", "Last used", ""),
            [
                (
                    each.id or NAMELESS,
                    each.role,
                    each.rows,
                    each.seals,
                    f"{each.worn:.4%}",
                    each.last_used_at,
                    each.warning or "",
                )
                for each in states
            ],
        )
    if any(each.role is KeyRole.MISSING for each in states):
        raise SystemExit(1)


@keys.command()
@click.option("--dry-run", is_flag=True, help="Open every token that would be sealed anew, and change nothing.")
@click.option("--new-key", is_flag=True, help="Make a new primary key, even if an earlier rotation is not at its end.")
def rotate(*, dry_run: bool, new_key: bool) -> None:
    """Seal every stored token anew with the primary key, while everything goes on running.

    With the embedded database a new primary key is made first, unless an earlier rotation was interrupted: then that
    one is brought to its end. Elsewhere the primary key is ENCRYPTION_KEY. Safe to repeat, and to interrupt.
    """
    from anselai.container import keeps_keys_in_files

    settings = settings_and_log()
    if new_key and not keeps_keys_in_files(settings):
        raise click.UsageError(f"--new-key is for keys that AnselAI keeps in files.\n\n{NEXT_KEY}")
    done = with_ansel(lambda ansel: _rotate(ansel, settings, dry_run=dry_run, new_key=new_key), uses_tokens=True)
    if done is None:
        return
    result, states = done
    say(f"Connections {'that would be ' if dry_run else ''}sealed anew: {result.resealed}")
    print_table(("Key", "Role", "Connections"), [(each.id or NAMELESS, each.role, each.rows) for each in states])
    if result.unreadable:
        say(
            f"{result.unreadable} cannot be opened with any key: they are left as they are, and say so. Connect those "
            "platforms again."
        )
    if result.left:
        say(f"{result.left} still need an older key: somebody is writing them, or seals with it. Repeat this.")
    if result.unreadable or result.left:
        raise SystemExit(1)


@keys.command()
@click.argument("key_id", metavar="ID")
def retire(*, key_id: str) -> None:
    """Let the key with this ID go, if no stored token needs it and no running process seals with it.

    With the embedded database it is taken out of the file of older keys. Elsewhere this only tells that it may go, and
    where a person takes it out.
    """
    from anselai.container import how_to_remove, kept_keys

    settings = settings_and_log()
    if with_ansel(lambda ansel: ansel.keys.retire(key_id, kept_keys(settings))):
        say(f"The key {key_id} is forgotten.")
    else:
        say(f"No stored token needs the key {key_id}. {how_to_remove(settings, key_id)}")


async def _rotate(ansel: Ansel, settings: Settings, *, dry_run: bool, new_key: bool) -> Rotated | None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from anselai.container import add_primary_key, keeps_keys_in_files

    await ansel.rotation.check_everybody_knows()
    in_files = keeps_keys_in_files(settings)
    afresh = in_files and (new_key or not await ansel.rotation.is_unfinished())
    if afresh:
        await ansel.rotation.check_everybody_knows(afresh=True)
    if afresh and dry_run:
        say("A new primary key would be made.")
    elif afresh:
        say(f"The new primary key is {add_primary_key(settings)}. Keep a copy of the files in {settings.data_dir}.")
    elif in_files:
        say("An earlier rotation is not at its end: no new key is made before. --new-key makes one all the same.")
    elif not await ansel.rotation.to_do():
        say(f"Every token is sealed with the primary key.\n\n{NEXT_KEY}")
        return None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        to_do = await ansel.rotation.to_do(afresh=afresh and dry_run)
        task = bar.add_task("Opening" if dry_run else "Sealing anew", total=to_do)
        result = await ansel.rotation.run(
            dry_run=dry_run, afresh=afresh and dry_run, progress=lambda done: bar.advance(task, done)
        )
    return result, await ansel.keys.status()

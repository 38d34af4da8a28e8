"""`anselai migrate`: the schema of the database, up, down, or only looked at."""

import click

from anselai.domain.errors import SchemaUnknown
from anselai.entrypoints.cli.session import confirm, progress, run, say, settings_and_log


@click.group(invoke_without_command=True)
@click.option("--check", is_flag=True, help="Change nothing; exit with 0 if the schema is current, with 1 if not.")
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL from an empty database on, and connect to none.")
@click.option(
    "--grants", "role", metavar="ROLE", help="Print the rights that a role needs to serve, and connect to none."
)
@click.option("--since", metavar="REVISION", help="With --sql: the revision that the SQL starts from.")
@click.pass_context
def migrate(context: click.Context, *, check: bool, as_sql: bool, since: str | None, role: str | None) -> None:
    """Bring the schema of the database to what this version needs.

    Works on DATABASE_URL, or else on the embedded database. Two at once are safe: one waits for the other.
    """
    if context.invoked_subcommand is not None:
        if check or as_sql or since or role:
            raise click.UsageError("--check, --sql, --since and --grants are for `anselai migrate` itself.")
        return
    if [check, as_sql, role is not None].count(True) > 1:
        raise click.UsageError("--check, --sql and --grants exclude each other.")
    if since and not as_sql:
        raise click.UsageError("--since is for --sql.")
    if role is not None:
        _print_grants(role)
    elif as_sql:
        _print_sql(since)
    elif check:
        _check()
    else:
        _up()


@migrate.command()
@click.argument("revision", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
def down(*, revision: str | None, yes: bool) -> None:
    """Undo the last migration, or all after REVISION; `base` undoes every one.

    What the tables held that go is lost. Stop `anselai serve` first.
    """
    from anselai.container import move_schema, schema_state

    settings = settings_and_log()
    state = run(schema_state(settings, report=progress))
    if state.current is None:
        say("The database has no schema: there is nothing to undo.")
        return
    if state.current not in state.revisions:
        raise SchemaUnknown(state.current)
    earlier = ("base", *state.revisions[: state.revisions.index(state.current)])
    target = revision or earlier[-1]
    if target not in earlier:
        raise click.UsageError(f"{target} does not come before {state.current}. Before it are: {', '.join(earlier)}.")
    if not yes:
        confirm(f"Go from {state.current} down to {target}, and lose what these tables hold?")
    run(move_schema(settings, down_to=target, report=progress))
    say(f"The schema is at {target}.")


def _up() -> None:
    from anselai.container import move_schema

    settings = settings_and_log()
    run(move_schema(settings, report=progress))
    say("The schema is current.")


def _check() -> None:
    from anselai.container import schema_state

    state = run(schema_state(settings_and_log(), report=progress))
    state.check()
    say(f"The schema is current: {state.current}.")


def _print_sql(since: str | None) -> None:
    from anselai.container import schema_revisions, schema_sql

    if since is not None and since not in schema_revisions():
        raise click.UsageError(f"There is no revision {since}. There are: {', '.join(schema_revisions())}.")
    click.echo(schema_sql(since), nl=False)


def _print_grants(role: str) -> None:
    from anselai.container import schema_grants

    click.echo(f"BEGIN;\n{schema_grants(role)}COMMIT;")  # whoever serves meanwhile is never without rights

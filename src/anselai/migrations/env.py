"""Run by Alembic for every command. The connection and the reporter come from adapters/postgres/migrate.py."""

from alembic import context
from alembic.runtime.migration import MigrationInfo


def _report(*, step: MigrationInfo, **_: object) -> None:
    verb = "Applied" if step.is_upgrade else "Undid"
    context.config.attributes["report"](f"{verb} {step.up_revision_id}")


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", transaction_per_migration=True)
else:
    context.configure(
        connection=context.config.attributes["connection"],
        transaction_per_migration=True,
        on_version_apply=_report,  # type: ignore[arg-type]  # it is called by keyword, which the hint cannot say
    )

with context.begin_transaction():
    context.run_migrations()

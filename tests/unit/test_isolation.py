"""Whatever an adapter of PostgreSQL asks for, it asks for one studio; what does not is listed here with its reason."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from anselai.adapters import postgres
from anselai.adapters.postgres.record_upserts import RECORD_KINDS
from anselai.adapters.postgres.schema import metadata
from anselai.adapters.postgres.studios import STUDIOS_OWN
from anselai.adapters.postgres.sync_log import statement_of
from anselai.domain.ports.sync_log import LogQuery

WHOLE_FLEET = "a daemon works for every studio"
BY_LEASE = "the lease names the job, and its fencing token is known to nobody but its worker"
BY_KEY_TEXT = "whose key it is is what is asked"
OPERATOR = "for who runs this deployment"
PART = "part of statements that are listed themselves"

# Statements that may touch rows of a studio without naming it.
WITHOUT_STUDIO = {
    "api_keys._FIND": BY_KEY_TEXT,
    "api_keys._NOTE_USE": BY_KEY_TEXT,
    "api_keys._ADD": "the new row names its own",
    "audit_log._OF_ALL": OPERATOR,
    "audit_log.WRITE_DOWN": "the new row names its own",
    "connections._ADD": "the new row names its own",
    "job_statements.CLAIM": WHOLE_FLEET,
    "job_statements.CLAIMED": PART,
    "job_statements.FINISH": BY_LEASE,
    "job_statements.NEXT_RUN": WHOLE_FLEET,
    "job_statements.PRUNE": WHOLE_FLEET,
    "job_statements.RECLAIM": WHOLE_FLEET,
    "job_statements.RENEW": BY_LEASE,
    "limited_claims.CLAIM": WHOLE_FLEET,
    "limited_claims.NEXT_RUN": WHOLE_FLEET,
    "limited_claims._ROOM": PART,
    "queue_state.OF_ALL": WHOLE_FLEET,
    "queue_state._STATE": PART,
    "records._MOVE_CURSOR": BY_LEASE,
    "refresh_statements.DUE_REFRESHES": WHOLE_FLEET,
    "schedules.DUE": WHOLE_FLEET,
    "schedules._ACTIVE_JOB": PART,
    "schedules._COMMIT": "each plan names its own",
    "schedules._NEXT_DUE": WHOLE_FLEET,
    "schedules._NOT_YET": PART,
    "sealed_tokens._NOT_SEALED_WITH": OPERATOR,
    "sealed_tokens._NUMBER_NOT_SEALED_WITH": OPERATOR,
    "sealed_tokens._PAIRS": OPERATOR,
    "sealed_tokens._RESEAL": OPERATOR,
    "sealed_tokens._ROWS_PER_KEY": OPERATOR,
    "studios._LIST": OPERATOR,
    "sync_log._RECORD_API_ERROR": "the new row names its own",
}

# Who acts while row-level security shows the rows of every studio.
SHOWN_ALL = {
    "api_keys.find": BY_KEY_TEXT,
    "api_keys.note_use": BY_KEY_TEXT,
    "audit_log.query_all": OPERATOR,
    "connections.due_refreshes": WHOLE_FLEET,
    "jobs.claim": WHOLE_FLEET,
    "jobs.finish": BY_LEASE,
    "jobs.next_run_at": WHOLE_FLEET,
    "jobs.prune": WHOLE_FLEET,
    "jobs.reclaim": WHOLE_FLEET,
    "jobs.renew": BY_LEASE,
    "limited_claims.claim": WHOLE_FLEET,
    "limited_claims.next_run_at": WHOLE_FLEET,
    "queue_state.read": WHOLE_FLEET,
    "records.store": BY_LEASE,
    "round_trip.round_trip": "`anselai check` tries a studio of its own, and takes it back",
    "schedules.commit": WHOLE_FLEET,
    "schedules.due": WHOLE_FLEET,
    "schedules.next_due_at": WHOLE_FLEET,
    "sealed_tokens.not_sealed_with": OPERATOR,
    "sealed_tokens.number_not_sealed_with": OPERATOR,
    "sealed_tokens.reseal": OPERATOR,
    "sealed_tokens.rows_per_key": OPERATOR,
    "studios.list": OPERATOR,
}

# What touches no table with a studio in it, and so is shown the rows of none.
OF_NO_STUDIO = {
    *("ended_sessions.end", "ended_sessions.is_ended"),
    *("health.ping", "health.check_schema", "workers.beat", "workers.leave", "workers.alive"),
    *("sealed_tokens.count_seals", "sealed_tokens.uses", "sealed_tokens.living_rings"),
}

FOLDER = Path(postgres.__file__).parent
KEYED = {table.name for table in metadata.tables.values() if "studio" in table.columns} | {"studios"}
NAMES_STUDIO = re.compile(r"\bstudio = %(s|\(studio\)s)|\bid = %\(studio\)s")
OF_TABLES = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE)\s+({'|'.join(KEYED)})\b")


def modules() -> list[str]:
    return [each.name for each in pkgutil.iter_modules([str(FOLDER)]) if not each.ispkg]


def statements() -> Iterator[tuple[str, str]]:
    """Every text that a module makes and that reads or writes a table with a studio in it."""
    for module in modules():
        made_here = {
            target.id
            for each in ast.parse((FOLDER / f"{module}.py").read_text()).body
            if isinstance(each, ast.Assign | ast.AnnAssign)
            for target in (each.targets if isinstance(each, ast.Assign) else [each.target])
            if isinstance(target, ast.Name)
        }
        for name, value in vars(importlib.import_module(f"{postgres.__name__}.{module}")).items():
            if name in made_here and isinstance(value, str) and OF_TABLES.search(value):
                yield f"{module}.{name}", value


def acts() -> Iterator[tuple[str, ast.expr | None]]:
    """Every call that acts on the database: where it stands, and the studio that it gives."""
    for path in (FOLDER / f"{module}.py" for module in modules()):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.AsyncFunctionDef):
                for call in ast.walk(function):
                    if isinstance(call, ast.Call) and _is_act(call.func):
                        given = {each.arg: each.value for each in call.keywords}
                        yield f"{path.stem}.{function.name}", given.get("studio")


def _is_act(called: ast.expr) -> bool:
    return (
        isinstance(called, ast.Attribute)
        and called.attr in ("rows", "act")
        and ast.unparse(called.value) in ("database", "self.database")
    )


def test_every_statement_names_the_studio_or_is_listed_with_its_reason() -> None:
    found = {name for name, text in statements() if not NAMES_STUDIO.search(text)}
    assert found == set(WITHOUT_STUDIO)


@pytest.mark.parametrize("kind", RECORD_KINDS, ids=lambda kind: kind.table)
def test_a_record_is_stored_under_the_studio_of_its_job(kind: object) -> None:
    assert "%(studio)s" in kind.upsert  # type: ignore[attr-defined]


def test_the_log_is_asked_for_by_studio() -> None:
    statement, values = statement_of(LogQuery(studio="north", limit=1))
    assert NAMES_STUDIO.search(statement)
    assert values["studio"] == "north"


def test_every_act_says_whose_rows_it_is_shown() -> None:
    assert {where for where, studio in acts() if studio is None} == OF_NO_STUDIO


def test_only_what_is_listed_is_shown_the_rows_of_every_studio() -> None:
    assert {where for where, studio in acts() if studio is not None and "EVERY_STUDIO" in ast.unparse(studio)} == set(
        SHOWN_ALL
    )


def test_whatever_is_kept_of_a_studio_goes_with_it() -> None:
    stays = {"audit_log", "studios"}
    keeps_it = {"platform_connections", "sync_schedules"}  # it is not removed while it has these
    assert set(STUDIOS_OWN) == KEYED - stays - keeps_it

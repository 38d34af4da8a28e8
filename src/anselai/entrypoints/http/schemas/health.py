"""Health on the wire."""

from anselai.entrypoints.http.schemas.shape import Output


class Alive(Output):
    alive: bool


class Check(Output):
    ok: bool
    message: str


class Checks(Output):
    database: Check
    schema: Check
    scheduler: Check


class Ready(Output):
    ready: bool


class Readiness(Output):
    ready: bool
    checks: Checks

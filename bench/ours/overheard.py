"""The SQL that an adapter runs, taken from it while it believes to run it."""

from dataclasses import dataclass
from typing import Any, cast

from anselai.adapters.postgres.database import Database


@dataclass(slots=True)
class Overheard:
    """In the place of the database: runs nothing, finds nothing, and keeps what it was asked to run."""

    statement: str = ""
    params: Any = None

    async def rows(self, statement: str, params: Any = None, **_: object) -> list[tuple[Any, ...]]:
        self.statement, self.params = statement, params
        return []

    @property
    def database(self) -> Database:
        return cast("Database", self)

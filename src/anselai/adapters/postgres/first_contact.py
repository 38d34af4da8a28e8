"""Whether a database can be opened at all, asked at the start: there waiting may never help, and somebody reads why."""

import re
from typing import Any, Final

import psycopg

from anselai.adapters.postgres.dsn import parsed
from anselai.domain.errors import StoreUnavailable
from anselai.domain.scrubbing import scrubbed
from anselai.domain.secret import Secret
from anselai.settings import database_secrets

_REASON: Final = re.compile(r".*failed: (.+)")  # of each attempt: every address of the host, with TLS and without


async def check_opens(dsn: Secret, place: str) -> None:
    """Connect once. `place` is what a person calls this database.

    Raises InvalidSettings, and StoreUnavailable with what the server said, or the way to it, but for its user's name
    and the address's passwords, which a driver quotes where they stand in a parameter's place.
    """
    given: dict[str, Any] = {"connect_timeout": 5, "application_name": "anselai"} | parsed(dsn)
    try:
        connection = await psycopg.AsyncConnection.connect(**given)
    except psycopg.Error as error:
        why = reason(scrubbed(str(error), database_secrets(dsn)), given.get("user"))
        raise StoreUnavailable(f"{place} cannot be opened: {why}. Check DATABASE_URL.") from None  # it names the user
    await connection.close()


def reason(told: str, user: str | None) -> str:
    """What the driver told of its attempts, in one line and without the user's name."""
    reasons = dict.fromkeys(" ".join(each.split()) for each in _REASON.findall(told) or [told])
    why = "; ".join(reasons)
    return re.sub(rf"(?<!\w){re.escape(user)}(?!\w)", "...", why) if user else why

"""Reading the address of a database without ever quoting it."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from anselai.domain.errors import InvalidSettings
from anselai.domain.secret import Secret


def parsed(dsn: Secret) -> dict[str, Any]:
    """The parameters of a DSN, be it a URL or `key=value` pairs. Raises InvalidSettings when it is neither."""
    try:
        return dict(conninfo_to_dict(dsn.reveal()))
    except psycopg.ProgrammingError:
        raise InvalidSettings(
            "DATABASE_URL is not a PostgreSQL address. It looks like postgresql://user:password@host:5432/database"
        ) from None  # libpq's message quotes the address, password and all

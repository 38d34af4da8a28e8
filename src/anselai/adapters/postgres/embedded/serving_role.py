"""The role that everything but the migrations works as, so that row-level security holds whoever serves.

The embedded database has no administrator: whoever opens it makes the role where it is missing, and renews its rights
after a migration or with another version. The role's comment tells which rights it was given last.
"""

from hashlib import sha256
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from anselai.adapters.postgres.driver_errors import translated
from anselai.adapters.postgres.grants import grants
from anselai.domain.secret import Secret

SERVING_ROLE: Final = "anselai_serves"

_LOCK: Final = int.from_bytes(b"serves")
_COMMENT: Final = "SELECT shobj_description(to_regrole(%s), 'pg_authid')"
# Tables that a migration makes anew have no rights, even at the revision that they had before: its row is another then.
_MIGRATION: Final = "SELECT xmin::text FROM alembic_version"


def serving_address(owners: Secret) -> Secret:
    """The address of the role in the owner's database. It has no password, as its owner has none."""
    return Secret(make_conninfo(owners.reveal(), user=SERVING_ROLE))


def has_its_rights(owners: Secret) -> bool:
    """Whether the role is there with the rights that this version needs. Raises StoreUnavailable."""
    with translated(), psycopg.connect(owners.reveal(), connect_timeout=10) as connection:
        try:
            due = _due(connection)
        except psycopg.errors.UndefinedTable:
            return False
        return connection.execute(_COMMENT, [SERVING_ROLE]).fetchone() == (due,)


def let_serve(owners: Secret) -> Secret:
    """The role's address; it is made and given its rights where it has them not. The schema is this version's.

    Safe to call from many processes at once. Raises StoreUnavailable.
    """
    if not has_its_rights(owners):
        _give_rights(owners)
    return serving_address(owners)


def _give_rights(owners: Secret) -> None:
    role = Identifier(SERVING_ROLE)
    with translated(), psycopg.connect(owners.reveal(), connect_timeout=10) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if connection.execute("SELECT to_regrole(%s)", [SERVING_ROLE]).fetchone() == (None,):
            connection.execute(SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS").format(role))
        connection.execute(grants(SERVING_ROLE).encode())
        connection.execute(SQL("COMMENT ON ROLE {} IS {}").format(role, _due(connection)))


def _due(connection: psycopg.Connection) -> str:
    """What the role's comment says once it has these rights on these tables."""
    return f"{sha256(grants(SERVING_ROLE).encode()).hexdigest()} {connection.execute(_MIGRATION).fetchone()}"

"""The one translator of what psycopg raises. What it does not know is a bug and stays as it is."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from anselai.domain.errors import StoreUnavailable

# OperationalError is what the world does to us: refused, cut off, timed out, shut down, out of space, a lock not given.
# The others say that the server is a standby now, or that it ended a session which was idle in a transaction.
AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
)

# What the values themselves caused. ProgramLimitExceeded, though operational, is an index entry that got too long.
REFUSED_VALUES = (psycopg.DataError, psycopg.IntegrityError, errors.ProgramLimitExceeded)

# The server undid the transaction because of another one; the same again may succeed.
TRY_AGAIN = (errors.DeadlockDetected, errors.SerializationFailure)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors about the store being away into StoreUnavailable."""
    try:
        yield
    except AWAY as error:
        if isinstance(error, REFUSED_VALUES):
            raise
        raise StoreUnavailable from error

"""The one translator of what psycopg raises. What it does not know is a bug and stays as it is."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from anselai.domain.errors import InvalidInput, RightsMissing, StoreUnavailable

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

# Of these, what nobody could have recognised by a constraint's name. A lone surrogate does not even get to the driver.
UNFIT_VALUES = (psycopg.DataError, errors.ProgramLimitExceeded, UnicodeEncodeError)

# The server undid the transaction because of another one; the same again may succeed.
TRY_AGAIN = (errors.DeadlockDetected, errors.SerializationFailure)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors about the store being away into StoreUnavailable, about values into InvalidInput, and
    about what the role may not do into RightsMissing.
    """
    try:
        yield
    except UNFIT_VALUES as error:
        raise InvalidInput.of(
            "",
            "A value cannot be stored or looked for: it is too long or out of range, or it is a text with a character "
            "that cannot be stored (NUL, or half of a surrogate pair).",
        ) from error
    except errors.InsufficientPrivilege as error:
        raise RightsMissing(error.diag.message_primary or "its rights do not suffice") from error
    except AWAY as error:
        raise StoreUnavailable from error

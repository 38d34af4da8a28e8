"""A connection as a row, in the order that every statement selects it."""

from anselai.adapters.postgres.database import Row
from anselai.domain.connection import ConnectionKey, ConnectionStatus, PlatformConnection, SealedToken
from anselai.domain.refreshing import RefreshState

COLUMNS = (
    "id, studio, platform, account_id, access_token, refresh_token, token_expires_at, scopes, status, created_at,"
    " updated_at, last_sync_at, last_error_code, last_error, version, token_version,"
    " refresh_at, refresh_asked_at, refresh_failures, refresh_not_before, refresh_ended"
)
WIDTH = COLUMNS.count(",") + 1


def of(alias: str) -> str:
    """The columns of a table that goes by an alias in a statement."""
    return ", ".join(f"{alias}.{name.strip()}" for name in COLUMNS.split(","))


def to_connection(row: Row) -> PlatformConnection:
    (
        connection_id,
        studio,
        platform,
        account_id,
        access_token,
        refresh_token,
        token_expires_at,
        scopes,
        status,
        created_at,
        updated_at,
        last_sync_at,
        last_error_code,
        last_error,
        version,
        token_version,
        refresh_at,
        refresh_asked_at,
        refresh_failures,
        refresh_not_before,
        refresh_ended,
    ) = row
    return PlatformConnection(
        id=connection_id,
        key=ConnectionKey(studio, platform),
        account_id=account_id,
        access_token=SealedToken(access_token),
        refresh_token=None if refresh_token is None else SealedToken(refresh_token),
        token_expires_at=token_expires_at,
        scopes=tuple(scopes),
        status=ConnectionStatus(status),
        created_at=created_at,
        updated_at=updated_at,
        last_sync_at=last_sync_at,
        last_error_code=last_error_code,
        last_error=last_error,
        version=version,
        token_version=token_version,
        refresh=RefreshState(
            at=refresh_at,
            asked_at=refresh_asked_at,
            failures=refresh_failures,
            not_before=refresh_not_before,
            ended=refresh_ended,
        ),
    )

"""Connections on the wire."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from anselai.application.views import ConnectionTest, ConnectionView
from anselai.domain.secret import Secret
from anselai.entrypoints.http.schemas.shape import Input, Moment, Output, Text, Texts


class Nothing(Input):
    """The body of a call that takes none: empty, or an object without fields."""


class NewConnection(Input):
    platform: Text
    access_token: Secret
    refresh_token: Secret | None = None
    account_id: Text | None = None
    token_expires_at: Moment | None = None
    scopes: Texts = ()


class ConnectionChange(Input):
    """What is left out stays as it is; `null` takes a value away."""

    access_token: Secret | UnsetType = UNSET
    refresh_token: Secret | UnsetType | None = UNSET
    account_id: Text | UnsetType | None = UNSET
    token_expires_at: Moment | UnsetType | None = UNSET
    scopes: Texts | UnsetType = UNSET

    def given(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not UNSET}


class ErrorJson(Output):
    code: str | None
    message: str


class ConnectionJson(Output):
    platform: str
    account_id: str | None
    status: str
    scopes: tuple[str, ...]
    token_expires_at: datetime | None
    has_refresh_token: bool
    last_sync_at: datetime | None
    last_error: ErrorJson | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, view: ConnectionView) -> "ConnectionJson":
        return cls(
            platform=view.platform,
            account_id=view.account_id,
            status=view.status,
            scopes=view.scopes,
            token_expires_at=view.token_expires_at,
            has_refresh_token=view.has_refresh_token,
            last_sync_at=view.last_sync_at,
            last_error=last_error(view.last_error_code, view.last_error),
            created_at=view.created_at,
            updated_at=view.updated_at,
        )


class TestJson(Output, omit_defaults=True):
    ok: bool
    status: str
    simulated: bool
    checked_at: datetime
    reason: str | None = None

    @classmethod
    def of(cls, test: ConnectionTest) -> "TestJson":
        return cls(
            ok=test.ok,
            status=test.status,
            simulated=test.simulated,
            checked_at=test.checked_at,
            reason=test.reason,
        )


class Removed(Output):
    removed: bool


def last_error(code: str | None, message: str | None) -> ErrorJson | None:
    if code is None and message is None:
        return None
    return ErrorJson(code=code, message=message or "")

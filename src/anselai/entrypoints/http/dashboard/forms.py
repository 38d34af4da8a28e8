"""HTML forms: how they are read, and the form that connects a platform."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from anselai.application.views import ConnectionView
from anselai.domain.errors import InvalidInput, Problem
from anselai.domain.secret import Secret
from anselai.entrypoints.http.body import read_body
from anselai.entrypoints.http.errors import RequestRefused
from anselai.entrypoints.http.reading import is_in_range

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 50


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields that were posted, without the white space around them. Raises RequestRefused."""
    body = await read_body(request, _FORM)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise RequestRefused(400, "MALFORMED_FORM", "The form could not be read. Go back and send it again.") from None
    return {name: text.strip() for name, text in pairs}


async def problems_of(act: Awaitable[object]) -> tuple[Problem, ...]:
    """Do it, and tell what was wrong with the input instead of raising it."""
    try:
        await act
    except InvalidInput as invalid:
        return invalid.problems
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectForm:
    """What the connect form holds. Tokens go in and are never put back."""

    account_id: str = ""
    token_expires_at: str = ""
    scopes: str = ""
    access_token: Secret = field(default=Secret(""))
    refresh_token: Secret = field(default=Secret(""))

    @classmethod
    def sent(cls, form: Mapping[str, str]) -> "ConnectForm":
        return cls(
            account_id=form.get("accountId", ""),
            token_expires_at=form.get("tokenExpiresAt", ""),
            scopes=form.get("scopes", ""),
            access_token=Secret(form.get("accessToken", "")),
            refresh_token=Secret(form.get("refreshToken", "")),
        )

    @classmethod
    def of(cls, connection: ConnectionView | None) -> "ConnectForm":
        """The form as it is opened: empty, or with what is known of the connection that gets new tokens."""
        if connection is None:
            return cls()
        return cls(account_id=connection.account_id or "", scopes=" ".join(connection.scopes))

    def values(self) -> dict[str, Any]:
        """What a connection is given; a refresh token that was left empty is left out. Raises InvalidInput."""
        given: dict[str, Any] = {
            "access_token": self.access_token,
            "account_id": self.account_id or None,
            "token_expires_at": self._expiry(),
            "scopes": tuple(self.scopes.replace(",", " ").split()),
        }
        return {**given, "refresh_token": self.refresh_token} if self.refresh_token else given

    def _expiry(self) -> datetime | None:
        if not self.token_expires_at:
            return None
        try:
            instant = datetime.fromisoformat(self.token_expires_at)
        except ValueError:
            instant = None
        if instant is not None and instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        if instant is None or not is_in_range(instant):
            raise InvalidInput.of("tokenExpiresAt", "must be a date and a time in UTC, for example 2026-01-31T12:00")
        return instant

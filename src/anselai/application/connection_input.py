"""The rules for what a connection may be given, told with the field's name on the wire."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from anselai.domain.errors import InvalidInput, Problem
from anselai.domain.secret import Secret

LONGEST_TOKEN = 8192
LONGEST_NAME = 256
MOST_SCOPES = 100
EARLIEST_YEAR, LATEST_YEAR = 1970, 9998  # beyond these, changing an instant's zone can overflow


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFields:
    """What a caller gives of a connection."""

    access_token: Secret
    refresh_token: Secret | None = None
    account_id: str | None = None
    token_expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()

    def checked(self) -> "ConnectionFields":
        """These fields, with the instant in UTC. Raises InvalidInput with every problem there is."""
        problems = [
            *_token_problems("accessToken", self.access_token),
            *(_token_problems("refreshToken", self.refresh_token) if self.refresh_token is not None else ()),
            *(_text_problems("accountId", self.account_id) if self.account_id is not None else ()),
            *_scope_problems(self.scopes),
            *_instant_problems("tokenExpiresAt", self.token_expires_at),
        ]
        if problems:
            raise InvalidInput(problems)
        expires_at = self.token_expires_at
        return ConnectionFields(
            access_token=self.access_token,
            refresh_token=self.refresh_token,
            account_id=self.account_id,
            token_expires_at=expires_at.astimezone(UTC) if expires_at is not None else None,
            scopes=tuple(dict.fromkeys(self.scopes)),
        )


def _token_problems(path: str, token: object) -> Iterator[Problem]:
    if not isinstance(token, Secret) or not isinstance(text := token.reveal(), str):
        yield Problem(path, "must be text")
    elif not text.strip():
        yield Problem(path, "must not be empty")
    elif len(text) > LONGEST_TOKEN:
        yield Problem(path, f"must have at most {LONGEST_TOKEN} characters")
    elif not text.isprintable():
        yield Problem(path, "must not contain control characters")


def _text_problems(path: str, text: object) -> Iterator[Problem]:
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_NAME or not text.isprintable():
        yield Problem(path, f"must have 1 to {LONGEST_NAME} printable characters")


def _scope_problems(scopes: Sequence[str]) -> Iterator[Problem]:
    if len(scopes) > MOST_SCOPES:
        yield Problem("scopes", f"must be at most {MOST_SCOPES}")
        return
    for place, scope in enumerate(scopes):
        yield from _text_problems(f"scopes[{place}]", scope)


def _instant_problems(path: str, instant: object) -> Iterator[Problem]:
    if instant is None:
        return
    if not isinstance(instant, datetime) or instant.tzinfo is None:
        yield Problem(path, "must be an instant with a time zone, for example 2026-01-31T12:00:00Z")
    elif not EARLIEST_YEAR <= instant.year <= LATEST_YEAR:
        yield Problem(path, f"must be between {EARLIEST_YEAR} and {LATEST_YEAR}")

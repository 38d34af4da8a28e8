"""Who may come in: studios, the keys of their programs, and what a key allows."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from anselai.domain.errors import Forbidden, InvalidInput
from anselai.domain.secret import Secret

EVERY_STUDIO: Final = "*"  # for what concerns the whole deployment; no studio can have this id

_STUDIO_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_KEY: Final = re.compile(r"ansel_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


class Scope(StrEnum):
    """What may be done: `read` looks, `write` changes connections and syncs, `admin` sees the audit log as well."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        """Whether who has this one has the other: admin includes write, and write includes read."""
        return _RANK[self] >= _RANK[other]


_RANK: Final = {scope: rank for rank, scope in enumerate(Scope)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """One photography business. Nothing of it is seen by another."""

    id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key of one studio. Of its text only the SHA-256 is kept: the text is random, a slow hash would add nothing."""

    id: UUID
    studio: str
    name: str
    scopes: tuple[Scope, ...]
    secret_hash: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def opens_at(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks: the studio that they belong to, what they may, and `actor`, their name in the audit log.

    `key_id` is that of their key; the key of the settings, ANSELAI_API_KEY, has none.
    """

    studio: str
    scopes: frozenset[Scope]
    actor: str
    key_id: UUID | None = None

    def may(self, scope: Scope) -> bool:
        return any(each.includes(scope) for each in self.scopes)

    def require(self, scope: Scope) -> None:
        """Return if they may. Raises Forbidden."""
        if not self.may(scope):
            raise Forbidden(scope.value)


def check_studio_id(studio: object) -> str:
    """The id, if it can be one. Raises InvalidInput."""
    if not isinstance(studio, str) or _STUDIO_ID.fullmatch(studio) is None:
        raise InvalidInput.of("studio", "must be 1 to 63 small letters, digits and hyphens, not first a hyphen")
    return studio


def key_text(key_id: UUID, secret: Secret) -> Secret:
    """The text of a key, as it is shown once: `ansel_<id in hex>_<43 characters>`."""
    return Secret(f"ansel_{key_id.hex}_{secret.reveal()}")


def read_key_text(text: Secret) -> UUID | None:
    """The id of the key with this text; None if it is the text of none."""
    found = _KEY.fullmatch(text.reveal())
    return None if found is None else UUID(hex=found[1])


def hash_of(text: Secret) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(text.reveal().encode("utf-8", "surrogatepass")).digest()


def scopes_of(given: Iterable[Scope | str]) -> tuple[Scope, ...]:
    """The scopes, each once, the weakest first. Raises InvalidInput for none, and for what is no scope."""
    try:
        scopes = {Scope(each) for each in given}
    except ValueError:
        scopes = set()
    if not scopes:
        raise InvalidInput.of("scopes", f"must be one or more of {', '.join(Scope)}")
    return tuple(each for each in Scope if each in scopes)

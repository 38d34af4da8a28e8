"""A browser's session: a cookie that says who signed in, signed so that it cannot be made up."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from anselai.domain.ports.clock import Clock
from anselai.domain.ports.signer import Signer
from anselai.entrypoints.http.head import Head

UNUSED_FOR: Final = timedelta(days=7)
LASTS: Final = timedelta(days=30)
SEEN_EVERY: Final = timedelta(hours=1)  # so often a session in use gets a new cookie, which says so
NOBODY: Final = ""

_SESSION, _FORM = "session", "form"  # what is signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """`who` says by what they signed in, and is empty before. Instants are seconds since 1970."""

    id: str
    who: str
    began_at: int
    seen_at: int

    @property
    def text(self) -> str:
        return f"1.{self.id}.{self.who}.{self.began_at}.{self.seen_at}"

    @property
    def ends_at(self) -> datetime:
        """When it ends however much it is used."""
        return datetime.fromtimestamp(self.began_at, UTC) + LASTS


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCookies:
    """Reads and writes the cookie, and signs forms, so that only pages that we gave to this session can send them."""

    signer: Signer
    clock: Clock

    def begin(self, who: str = NOBODY) -> Session:
        """Signing in begins a new one: an id that was known before is worth nothing after."""
        now = self._now()
        return Session(id=secrets.token_urlsafe(16), who=who, began_at=now, seen_at=now)

    def read(self, head: Head, *, is_tls: bool) -> Session | None:
        """The session, if its cookie is ours and not too old."""
        name = _name(head, is_tls=is_tls)
        return next(filter(None, (self._opened(text) for text in _cookies(head, name))), None)

    def write(self, session: Session, head: Head, *, is_tls: bool) -> bytes:
        """The Set-Cookie header."""
        left = int(LASTS.total_seconds()) - (self._now() - session.began_at)
        text = f"{session.text}.{self.signer.sign(_SESSION, session.text)}"
        return _set_cookie(_name(head, is_tls=is_tls), text, left, is_tls=is_tls)

    def erase(self, head: Head, *, is_tls: bool) -> bytes:
        return _set_cookie(_name(head, is_tls=is_tls), "", 0, is_tls=is_tls)

    def seen(self, session: Session) -> Session | None:
        """The session as seen now, where it is time to say so."""
        now = self._now()
        return replace(session, seen_at=now) if now - session.seen_at >= SEEN_EVERY.total_seconds() else None

    def form_token(self, session: Session) -> str:
        return self.signer.sign(_FORM, session.id)

    def is_form_token(self, session: Session, token: str) -> bool:
        return self.signer.is_signed(_FORM, session.id, token)

    def _opened(self, cookie: str) -> Session | None:
        text, _, signature = cookie.rpartition(".")
        if not self.signer.is_signed(_SESSION, text, signature):
            return None
        _, session_id, who, began_at, seen_at = text.split(".")
        session = Session(id=session_id, who=who, began_at=int(began_at), seen_at=int(seen_at))
        now = self._now()
        fresh = now - session.seen_at < UNUSED_FOR.total_seconds() and now - session.began_at < LASTS.total_seconds()
        return session if fresh else None

    def _now(self) -> int:
        return int(self.clock.now().timestamp())


def _name(head: Head, *, is_tls: bool) -> str:
    """With TLS one that no other site and no plain connection can set. Otherwise one with our port, since a browser
    keeps cookies by host and not by port: two AnselAIs on one machine would sign each other out.
    """
    if is_tls:
        return "__Host-anselai"
    port = (head.only(b"host") or b"").rpartition(b":")[2]
    return f"anselai-{port.decode() if port.isdigit() else 80}"


def _cookies(head: Head, name: str) -> Iterator[str]:
    """The values of every cookie of that name: another site of the same host may have set one too."""
    for header in head.all(b"cookie"):
        for pair in header.decode("latin-1").split(";"):
            given, _, value = pair.strip().partition("=")
            if given == name:
                yield value


def _set_cookie(name: str, text: str, seconds: int, *, is_tls: bool) -> bytes:
    secure = "; Secure" if is_tls else ""
    return f"{name}={text}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}".encode()

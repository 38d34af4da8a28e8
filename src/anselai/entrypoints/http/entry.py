"""Who gets in: by a key, by a session, or not at all. Everything is decided before a byte of the body is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.types import Scope as AsgiScope

from anselai.domain.access import Principal, Scope
from anselai.domain.connection import DEFAULT_STUDIO
from anselai.domain.errors import AnselError, Forbidden, Unauthenticated
from anselai.domain.ports.clock import Clock
from anselai.domain.secret import Secret
from anselai.entrypoints.http.areas import Area, area_of
from anselai.entrypoints.http.buckets import Buckets
from anselai.entrypoints.http.caller import Caller
from anselai.entrypoints.http.crowd import Crowd
from anselai.entrypoints.http.doors import Doors
from anselai.entrypoints.http.errors import RequestRefused, too_many
from anselai.entrypoints.http.head import Head
from anselai.entrypoints.http.hosts import HostCheck
from anselai.entrypoints.http.origin import SAFE, OriginCheck
from anselai.entrypoints.http.session import Session, SessionCookies
from anselai.entrypoints.http.signed_in import OFF, SignedIn
from anselai.entrypoints.http.wrong_keys import WrongKeys

SIGN_OUT: Final = "/sign-out"  # changes nothing but the session, so that a key that only reads may too

_BEARER: Final = b"bearer "
_OFF: Final = Session(id="off", who="off", began_at=0, seen_at=0)

LeadToSignIn = Callable[[AsgiScope, Head], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`lead_to_sign_in` is None where there are no pages: then everything takes a key."""

    doors: Doors
    clock: Clock
    crowd: Crowd
    hosts: HostCheck
    origins: OriginCheck
    cookies: SessionCookies
    signed_in: SignedIn
    wrong_keys: WrongKeys
    requests: Buckets
    sign_ins: Buckets
    lead_to_sign_in: LeadToSignIn | None = None

    async def admit(self, scope: AsgiScope, head: Head, caller: Caller) -> Response | None:
        """Find out who it is and let them in, or answer in the place of what they asked for.

        Raises RequestRefused, Unauthenticated, Forbidden, StoreUnavailable.
        """
        head.check(scope)
        area = area_of(scope["path"])
        if self.lead_to_sign_in is None and area in (Area.PAGE, Area.OPEN):
            area = Area.API
        if area is Area.PROBE:
            await self._recognise(scope, head, caller)
            return None
        self.hosts.check(head)
        if area is Area.OPEN or area is Area.PAGE:
            self.origins.check(scope, head, is_api=False)
            return await self._let_browser_in(scope, head, caller, area)
        preflight = self.origins.cors.preflight(scope, head)
        if preflight is not None:
            return preflight
        caller.principal = await self._by_key(head, caller)
        self.origins.check(scope, head, is_api=True)
        self._check_rights(scope, caller.principal, area)
        return None

    async def _by_key(self, head: Head, caller: Caller) -> Principal:
        """No key at all is looked up too, so that it takes as long as one that is none."""
        if not self.doors.auth:
            return OFF
        return await self.wrong_keys.check(_bearer(head), caller.remote.neighbourhood)

    async def _recognise(self, scope: AsgiScope, head: Head, caller: Caller) -> None:
        """With a key, /readyz tells more. It answers without one, and while the store is away, as /healthz always."""
        if scope["path"] == "/healthz" or (self.doors.auth and not head.all(b"authorization")):
            return
        try:
            caller.principal = await self._by_key(head, caller)
        except (AnselError, RequestRefused):
            return

    async def _let_browser_in(self, scope: AsgiScope, head: Head, caller: Caller, area: Area) -> Response | None:
        if scope["path"].startswith("/static/"):
            return None
        if not self.doors.auth:
            caller.session, caller.principal = _OFF, OFF
            return None
        session = self.cookies.read(head, is_tls=caller.remote.is_tls)
        if session is not None and not await self.signed_in.is_ended(session):
            caller.session = session
            try:
                caller.principal = await self.signed_in.principal(session)
            except Unauthenticated:
                caller.principal = None
        if area is Area.OPEN:
            self._count_sign_in(scope, caller)
            return None
        if caller.principal is None:
            return self.lead_to_sign_in(scope, head) if self.lead_to_sign_in else None
        self._check_rights(scope, caller.principal, area)
        self._keep_session(head, caller)
        return None

    def count_request(self, principal: Principal) -> None:
        """Raises RequestRefused."""
        wait = self.requests.take(principal, self.clock.monotonic())
        if wait:
            raise too_many("RATE_LIMITED", "This key asks more often than it may. Wait, then try again.", wait)

    def _check_rights(self, scope: AsgiScope, principal: Principal, area: Area) -> None:
        self.count_request(principal)
        if area is Area.FIGURES and principal.studio != DEFAULT_STUDIO:
            raise Forbidden(f"{Scope.READ} of the studio {DEFAULT_STUDIO}")
        if scope["path"] != SIGN_OUT or area is not Area.PAGE:
            principal.require(Scope.READ if scope["method"] in SAFE else Scope.WRITE)

    def _count_sign_in(self, scope: AsgiScope, caller: Caller) -> None:
        """Every attempt counts before its body is read; one that succeeds is given back."""
        if scope["method"] in SAFE:
            return
        wait = self.sign_ins.take(caller.remote.neighbourhood, self.clock.monotonic())
        if wait:
            raise too_many("TOO_MANY_SIGN_INS", "Too many attempts to sign in came from there. Wait a moment.", wait)

    def _keep_session(self, head: Head, caller: Caller) -> None:
        renewed = None if caller.session is None else self.cookies.seen(caller.session)
        if renewed is not None:
            caller.session = renewed
            caller.cookie = self.cookies.write(renewed, head, is_tls=caller.remote.is_tls)


def _bearer(head: Head) -> Secret | None:
    """The key of an Authorization header. Two of them are none."""
    given = head.only(b"authorization")
    if given is None or given[: len(_BEARER)].lower() != _BEARER:
        return None
    return Secret(given[len(_BEARER) :].strip().decode("latin-1"))

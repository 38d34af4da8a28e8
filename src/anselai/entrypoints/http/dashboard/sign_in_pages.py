"""`/sign-in` and `/sign-out`: by the link that was printed, or by an API key."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from anselai.application.audit import Audit, acting, acting_as
from anselai.domain.access import Principal
from anselai.domain.audit import Actor, AuditAction
from anselai.domain.errors import Unauthenticated
from anselai.domain.secret import Secret
from anselai.entrypoints.http.caller import Caller, caller_in
from anselai.entrypoints.http.dashboard.page import FormCheck, form_in
from anselai.entrypoints.http.dashboard.rendering import Pages
from anselai.entrypoints.http.entry import SIGN_OUT, Entry
from anselai.entrypoints.http.head import Head, read_head
from anselai.entrypoints.http.one_time_code import OneTimeCode
from anselai.entrypoints.http.session import SessionCookies
from anselai.entrypoints.http.signed_in import LINK

_LONGEST_NEXT: Final = 2000
# A path of ours: one slash, since two begin another host's name, and no backslash, which browsers take for a slash.
_OURS: Final = re.compile(r"/(?!/)[\x21-\x5b\x5d-\x7e]*")
_PATH_CHARACTERS: Final = "/:@!$&'()*+,;=~"
_NO_KEY: Final = "This key opens nothing. Look for a space too many, or make a new one with: anselai keys api create"
_NO_CODE: Final = (
    "This link was used before, or is older than 15 minutes. Sign in with an API key instead; for a new link, start"
    " AnselAI again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPages:
    code: OneTimeCode
    cookies: SessionCookies
    entry: Entry
    audit: Audit
    pages: Pages
    forms: FormCheck

    def routes(self) -> list[Route]:
        page = self.forms.page
        return [
            Route("/sign-in", page(GET=self.key_form, POST=self.by_key)),
            Route("/sign-in/{code}", page(GET=self.link_form, POST=self.by_link)),
            Route(SIGN_OUT, page(POST=self.sign_out)),
        ]

    async def key_form(self, request: Request) -> Response:
        after = _ours(request.query_params.get("next", ""))
        if caller_in(request).principal is not None:
            return RedirectResponse(after, status_code=303)
        return self._form(request, after, said=request.query_params.get("done", ""))

    async def by_key(self, request: Request) -> Response:
        form = form_in(request)
        after = _ours(form.get("next", ""))
        try:
            principal = await self.entry.signed_in.access.authenticate(Secret(form.get("apiKey", "")))
        except Unauthenticated:
            return self._form(request, after, wrong=_NO_KEY)
        return await self._let_in(request, principal, after)

    async def link_form(self, request: Request) -> Response:
        """A button and not yet the sign-in, so that a program that looks at links does not use this one up."""
        if caller_in(request).principal is LINK:
            return RedirectResponse("/", status_code=303)
        self._begin(request)
        return self.pages.render(request, "sign_in_by_link.html", code=request.path_params["code"])

    async def by_link(self, request: Request) -> Response:
        with self.code.taken(Secret(request.path_params["code"])) as is_good:
            if not is_good:
                return self._form(request, "/", wrong=_NO_CODE)
            return await self._let_in(request, LINK, "/")

    async def sign_out(self, request: Request) -> Response:
        caller = caller_in(request)
        if caller.session is not None and caller.principal is not None:
            await self.entry.signed_in.end(caller.session)
            caller.cookie = self.cookies.erase(read_head(request.scope), is_tls=caller.remote.is_tls)
            await self.audit.record(caller.principal.studio, AuditAction.SIGNED_OUT)
        return RedirectResponse("/sign-in?done=out", status_code=303)

    async def _let_in(self, request: Request, principal: Principal, after: str) -> Response:
        caller = caller_in(request)
        self.entry.sign_ins.put_back(caller.remote.neighbourhood)
        self.entry.count_request(principal)  # each is a row of the audit log, which is never pruned
        if caller.session is not None:
            await self.entry.signed_in.end(caller.session)
        self._give(request, caller, self.entry.signed_in.by(principal))
        with acting_as(Actor(name=principal.actor, address=caller.remote.address, request_id=acting().request_id)):
            await self.audit.record(principal.studio, AuditAction.SIGNED_IN)
        return RedirectResponse(after, status_code=303)

    def _form(self, request: Request, after: str, *, wrong: str = "", said: str = "") -> Response:
        self._begin(request)
        status = 401 if wrong else 200
        return self.pages.render(request, "sign_in.html", http_status=status, after=after, wrong=wrong, said=said)

    def _begin(self, request: Request) -> None:
        """A form needs a session to belong to, also before anybody signed in."""
        caller = caller_in(request)
        if caller.session is None:
            self._give(request, caller)

    def _give(self, request: Request, caller: Caller, who: str = "") -> None:
        caller.session = self.cookies.begin(who)
        caller.cookie = self.cookies.write(caller.session, read_head(request.scope), is_tls=caller.remote.is_tls)


@dataclass(frozen=True, slots=True, kw_only=True)
class WayToSignIn:
    """What is answered in the place of a page, to a browser without a session."""

    pages: Pages

    def __call__(self, scope: Scope, head: Head) -> Response:
        request = Request(scope)
        if scope["method"] not in ("GET", "HEAD"):
            return RedirectResponse("/sign-in?done=nothing", status_code=303)
        after = _asked_for(scope)
        if b"cross-site" in head.all(b"sec-fetch-site"):
            # A link of another site: the browser held the cookie back (SameSite=Strict), which it sends from our own.
            return self.pages.render(request, "come_in.html", after=after)
        query = "" if after == "/" else f"?next={quote(after, safe='')}"
        return RedirectResponse(f"/sign-in{query}", status_code=303)


def _asked_for(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return _ours(quote(scope["path"], safe=_PATH_CHARACTERS) + (f"?{query}" if query else ""))


def _ours(address: str) -> str:
    """The address to go on to, if it is one of ours; otherwise the first page."""
    return address if len(address) <= _LONGEST_NEXT and _OURS.fullmatch(address) else "/"

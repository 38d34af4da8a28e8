"""A page's address: what is posted to it has to come from a form that we gave to this session."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import Response

from anselai.entrypoints.http.caller import caller_in
from anselai.entrypoints.http.dashboard.forms import read_form
from anselai.entrypoints.http.errors import RequestRefused
from anselai.entrypoints.http.resource import Handler, Resource
from anselai.entrypoints.http.session import SessionCookies

TOKEN: Final = "formToken"  # noqa: S105  the name of the field
_FORM: Final = "anselai.form"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormCheck:
    """Together with the check of Origin and Sec-Fetch-Site, which the gate makes."""

    cookies: SessionCookies

    def page(self, **handlers: Handler) -> Resource:
        """A resource whose POST is checked before its handler sees it; that gets the fields by `form_in`."""
        if "POST" in handlers:
            handlers["POST"] = self._checked(handlers["POST"])
        return Resource(**handlers)

    def _checked(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            form = await read_form(request)
            session = caller_in(request).session
            if session is None or not self.cookies.is_form_token(session, form.get(TOKEN, "")):
                raise RequestRefused(
                    403, "FORM_EXPIRED", "This form is too old, or not one of ours. Load its page, and send it again."
                )
            request.scope[_FORM] = form
            return await handler(request)

        return checked


def form_in(request: Request) -> Mapping[str, str]:
    """The fields that were posted, without the white space around them."""
    return cast("Mapping[str, str]", request.scope[_FORM])

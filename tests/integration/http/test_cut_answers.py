"""An error after the answer has begun ends the connection, and the server logs it without its words."""

import pytest
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from anselai.application.ansel import Ansel
from anselai.entrypoints.http.answers import refuse
from anselai.entrypoints.http.doors import Doors
from anselai.entrypoints.http.gated_app import build_entry, build_gated_app
from anselai.entrypoints.http.middleware import AnswerCut
from tests.canaries import ACCESS, listen
from tests.integration.http.asking import ask


class BreaksOff:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError(ACCESS)


async def test_what_the_server_is_told_of_a_cut_answer_quotes_nothing(
    ansel: Ansel, caplog: pytest.LogCaptureFixture
) -> None:
    routes = [Route("/api/half", BreaksOff())]
    app = build_gated_app(ansel, routes, lambda *given: refuse(given[1]), build_entry(ansel, Doors()))
    with pytest.raises(AnswerCut) as cut:
        await ask(app, "GET", "/api/half")
    assert cut.value.__suppress_context__
    listen({"the error": repr(cut.value), "the log": caplog.text}, {"what was sent": ACCESS})
    assert "GET /api/half: 500 INTERNAL_ERROR" in caplog.text

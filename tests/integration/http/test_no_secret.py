"""A canary goes through every call and page, and is heard nowhere."""

import logging

import httpx
import pytest
from starlette.applications import Starlette

from anselai.application.ansel import Ansel

CANARY = "canary4711-secret-token"


async def test_no_answer_log_line_or_row_holds_a_token(
    client: httpx.AsyncClient, app: Starlette, ansel: Ansel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = {"accessToken": f"{CANARY}.access", "refreshToken": f"{CANARY}.refresh"}
    form = {"content-type": "application/x-www-form-urlencoded"}
    answers = [
        await client.post("/api/connections", json={"platform": "google", **tokens}),
        await client.post("/api/connections", json={"platform": "google", **tokens}),
        await client.post("/api/connections", json={"platform": "meta", **tokens, "scopes": [{"a": CANARY}]}),
        await client.post("/api/connections", json={"platform": 7, **tokens, "accessToken": [CANARY]}),
        await client.post("/api/connections", json={"platform": "tiktok", "accessToken": f"{CANARY} not well formed"}),
        await client.post("/api/connections", content=f'{{"accessToken": "{CANARY}"', headers={"content-type": "a/b"}),
        await client.put("/api/connections/google", json=tokens),
        await client.put("/api/connections/google", json={"accessToken": CANARY * 1000}),
        await client.put("/api/connections/google", json={"refreshToken": f"{CANARY} not well formed"}),
        await client.put("/api/connections/google"),
        await client.post("/connections/pinterest/connect", data={"accessToken": CANARY, "scopes": "s" * 400}),
        await client.post("/connections/pinterest/connect", data=tokens),
        await client.post("/connections/pinterest/connect", content=f"accessToken={CANARY}%FF", headers=form),
    ]
    for platform in ("google", "pinterest", "tiktok"):
        answers.append(await client.post(f"/api/connections/{platform}/test"))
        answers.append(await client.post(f"/connections/{platform}/test"))
        answers.append(await client.post(f"/connections/{platform}/refresh"))
        answers.append(await client.post(f"/api/sync/{platform}"))
    await ansel.worker.drain()
    for path in (
        "/api/connections",
        "/api/connections/google",
        "/api/sync/status",
        "/api/sync/log",
        "/api/sync/google/explain",
        "/api/metrics/overview",
        "/api/platforms",
        "/healthz",
        "/readyz",
        "/metrics",
        "/",
        "/connections",
        "/connections/google/connect",
        "/connections/google/remove",
        "/sync",
        "/sync/google/explain",
    ):
        answers.append(await client.get(path))
    await app.state.api_errors.close()
    answers.append(await client.get("/api/sync/log?limit=200"))
    assert {each.status_code for each in answers} >= {200, 201, 202, 303, 400, 409, 415, 422, 503}
    for each in answers:
        assert "canary4711" not in each.text.lower(), each.request.url
        assert "canary4711" not in str(each.headers).lower()
    assert "canary4711" not in caplog.text.lower()
    assert "canary4711" not in repr((await ansel.scheduler.log(limit=200)).entries).lower()

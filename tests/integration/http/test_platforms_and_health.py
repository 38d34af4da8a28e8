"""`/api/platforms`, `/healthz` and `/readyz`."""

import asyncio
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.requests import Request

from anselai.adapters.platforms.google import GoogleStub
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.application.ansel import Ansel
from anselai.domain.errors import SchemaBehind, StoreUnavailable
from anselai.domain.ports.health import StoreHealth
from anselai.domain.secret import Secret
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.caller import Caller, set_caller
from anselai.entrypoints.http.health import HealthCalls
from anselai.entrypoints.http.remote import Remote
from anselai.entrypoints.http.signed_in import LINK
from tests.integration.http.asking import ask, connect, failing

CANARY = "canary-4711.secret"


class Hanging(StoreHealth):
    """Never answers."""

    async def ping(self) -> None:
        await asyncio.Event().wait()

    async def check_schema(self) -> None:
        await asyncio.Event().wait()


async def readiness(ansel: Ansel, **given: Any) -> tuple[int, dict[str, Any]]:
    reply = await ask(build_app(ansel, **given), "GET", "/readyz")
    return reply.status, json.loads(reply.body)


async def test_platforms_are_told_with_the_names_of_their_settings(client: httpx.AsyncClient) -> None:
    await connect(client, "meta")
    platforms = (await client.get("/api/platforms")).json()["data"]
    assert [each["name"] for each in platforms] == ["google", "meta", "pinterest", "tiktok"]
    assert platforms[1] == {
        "name": "meta",
        "label": "Meta",
        "simulated": True,
        "connected": True,
        "configured": [],
        "missing": ["META_APP_ID", "META_APP_SECRET"],
    }


async def test_the_value_of_a_setting_is_never_told(ansel: Ansel) -> None:
    installed = InstalledPlatforms([GoogleStub], {"GOOGLE_CLIENT_SECRET": Secret(CANARY)})
    app = build_app(replace(ansel, platforms=replace(ansel.platforms, platforms=installed)))
    reply = await ask(app, "GET", "/api/platforms")
    assert json.loads(reply.body)["data"][0]["configured"] == ["GOOGLE_CLIENT_SECRET"]
    assert CANARY not in reply.body.decode()


async def test_a_process_without_its_database_is_alive_but_not_ready(ansel: Ansel) -> None:
    away = failing(ansel, StoreUnavailable())
    reply = await ask(build_app(away), "GET", "/healthz")
    assert (reply.status, json.loads(reply.body)) == (200, {"success": True, "data": {"alive": True}})
    status, content = await readiness(away)
    assert (status, content["success"], content["code"]) == (503, False, "NOT_READY")
    assert content["data"]["checks"]["database"] == {"ok": False, "message": str(StoreUnavailable())}


async def test_a_process_with_everything_is_ready(ansel: Ansel) -> None:
    await ansel.scheduler.workers.beat(UUID(int=7), "darkroom", 4711)
    status, content = await readiness(ansel)
    assert status == 200
    assert content == {
        "success": True,
        "data": {
            "ready": True,
            "checks": {
                "database": {"ok": True, "message": "answers"},
                "schema": {"ok": True, "message": "is current"},
                "scheduler": {"ok": True, "message": "is alive"},
            },
        },
    }


async def test_a_schema_that_is_behind_is_told_with_the_command(ansel: Ansel) -> None:
    status, content = await readiness(replace(failing(ansel, SchemaBehind("0001", "0002")), scheduler=ansel.scheduler))
    assert status == 503
    assert content["data"]["checks"]["schema"]["message"].endswith("Run: anselai migrate")


async def test_without_a_scheduler_it_is_not_ready_and_says_whose_is_missing(ansel: Ansel) -> None:
    status, content = await readiness(ansel, scheduler_runs_here=True)
    assert (status, content["error"]) == (
        503,
        "The scheduler of this process gives no sign of life. Start AnselAI again.",
    )
    status, content = await readiness(ansel, scheduler_runs_here=False)
    assert (status, content["error"]) == (503, "No scheduler is running. Start one with: anselai scheduler")
    assert content["data"]["checks"]["database"]["ok"] is True


async def test_a_check_that_meets_something_unforeseen_fails_and_the_probe_answers(
    ansel: Ansel, caplog: pytest.LogCaptureFixture
) -> None:
    status, content = await readiness(failing(ansel, RuntimeError(CANARY)))
    assert (status, content["code"]) == (503, "NOT_READY")
    for name, check in content["data"]["checks"].items():
        assert check["ok"] is False
        assert check["message"].endswith(".")
        assert f"{name} met something unforeseen: RuntimeError" in caplog.text
    assert CANARY not in json.dumps(content)


async def test_a_database_that_hangs_does_not_hang_the_probe(ansel: Ansel) -> None:
    calls = HealthCalls(health=Hanging(), workers=ansel.scheduler.workers, scheduler_runs_here=True, limit=0.05)
    request = Request({"type": "http", "method": "GET", "path": "/readyz", "headers": []})
    set_caller(request.scope, Caller(remote=Remote("127.0.0.1", False), principal=LINK))
    response = await calls.ready(request)
    assert response.status_code == 503
    checks = json.loads(bytes(response.body))["data"]["checks"]
    assert checks["database"]["message"] == "The database does not answer in time."
    assert checks["scheduler"]["message"].startswith("The scheduler of this process")

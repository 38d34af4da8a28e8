"""The README's walk, by the real command over a real database; and nothing of it ever shows a token."""

import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from anselai.adapters.postgres.embedded import start_embedded
from tests.canaries import listen
from tests.integration.processes import KEY, Home, Started, patiently

ACCESS = "ya29.canary/access+token-0123456789=="
REFRESH = "1//canary/refresh+token-9876543210"
REPLACED = "ya29.canary/replaced+token-5555=="
GOOGLE = {
    "platform": "google",
    "accessToken": ACCESS,
    "refreshToken": REFRESH,
    "tokenExpiresAt": "2099-01-01T00:00:00Z",
    "scopes": ["analytics.readonly"],
}


def dump(home: Home) -> str:
    server = start_embedded(home.data)
    try:
        dumped = subprocess.run([server.bin_dir / "pg_dump", server.dsn], capture_output=True, check=True, text=True)
        return dumped.stdout
    finally:
        server.stop()


def let_the_hourly_slot_come(home: Home) -> None:
    """As if the hour had gone by."""
    server = start_embedded(home.data)
    try:
        with psycopg.connect(server.dsn) as connection:
            connection.execute(
                "UPDATE sync_schedules SET next_slot_at = date_trunc('minute', now()) WHERE frequency = 'hourly'"
            )
    finally:
        server.stop()


class Listener:
    """Keeps everything that was ever answered, heads and all."""

    def __init__(self, serve: Started) -> None:
        self.serve = serve
        self.said: dict[str, str] = {}

    def call(self, method: str, path: str, body: object = None, status: int = 200) -> dict[str, object]:
        answer = self.serve.answer(method, path, body)
        self.said[f"answer {len(self.said)}: {method} {path}"] = f"{answer.headers}\n{answer.text}"
        assert answer.status_code == status, answer.text
        found: dict[str, object] = answer.json() if answer.headers["content-type"] == "application/json" else {}
        return found


@pytest.mark.slow
def test_the_walk_of_the_readme_works_and_shows_no_token_anywhere(home: Home) -> None:
    secrets = {"an access token": ACCESS, "a refresh token": REFRESH, "the new one": REPLACED, "the API key": KEY}
    with home.started("serve", ANSELAI_LOG_LEVEL="DEBUG") as serve:
        listener = Listener(serve.ready())
        call = listener.call
        call("POST", "/api/connections", GOOGLE, 201)
        assert call("POST", "/api/connections/google/test")["data"]["ok"] is True  # type: ignore[index]
        call("POST", "/api/sync/google", None, 202)
        for _ in patiently("the manual sync never runs"):
            if call("GET", "/api/sync/log?outcome=succeeded&trigger=manual")["data"]["entries"]:  # type: ignore[index]
                break
        let_the_hourly_slot_come(home)
        for _ in patiently("the scheduled sync never runs by itself"):
            if call("GET", "/api/sync/log?outcome=succeeded&trigger=schedule")["data"]["entries"]:  # type: ignore[index]
                break
        call("PUT", "/api/connections/google")
        call("PUT", "/api/connections/google", {"accessToken": REPLACED})
        call("PUT", "/api/connections/google", {"accessToken": REPLACED, "unknown": ACCESS}, 422)
        call("POST", "/api/connections", {**GOOGLE, "scopes": [REFRESH * 20]}, 422)
        call("POST", "/api/connections", {**GOOGLE, "accessToken": {"nested": ACCESS}}, 422)
        call("POST", "/api/connections", GOOGLE, 409)
        call("GET", f"/api/connections/{quote(ACCESS, safe='')}", None, 404)
        for path in ("/", "/connections", "/sync", "/api/sync/status", "/api/platforms", "/api/connections", "/readyz"):
            call("GET", path)
        before = call("GET", "/api/connections/google")
        assert serve.stop() == 0
    said = listener.said | {"what serve printed": serve.printed, "the key's folder": str(list(home.data.iterdir()))}

    with home.started("serve") as again:
        assert Listener(again.ready()).call("GET", "/api/connections/google") == before
        log = Listener(again).call("GET", "/api/sync/log?limit=200")
        assert len(log["data"]["entries"]) >= 4  # type: ignore[index]
        assert again.stop() == 0
    for command in (["connections", "list"], ["connections", "show", "google"], ["sync", "log"], ["check"]):
        done = home.run(*command)
        said[f"anselai {' '.join(command)}"] = done.out + done.err
    said["a dump of the database"] = dump(home)
    secrets["the encryption key"] = (home.data / "encryption.key").read_text().strip()
    assert "simulated-google" not in said["a dump of the database"]
    listen(said, secrets)


def test_the_readme_walks_this_way() -> None:
    readme = Path(__file__, "../../../README.md").resolve().read_text()
    for step in (
        "source .venv/bin/activate",
        "KEY=$(anselai keys api create walk)",
        "Authorization: Bearer $KEY",
        "POST localhost:3200/api/connections/google/test",
        "POST localhost:3200/api/sync/google",
        "/api/sync/log?trigger=schedule",
        "/api/sync/status",
        "PUT localhost:3200/api/connections/google",
    ):
        assert step in readme

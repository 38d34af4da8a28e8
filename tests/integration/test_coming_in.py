"""How one comes in to a real process: the link, the first key; and where it refuses to listen."""

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread

import httpx
import pytest

from anselai.container import open_in_memory
from anselai.domain.access import Scope
from anselai.domain.secret import Secret
from anselai.entrypoints.first_key import first_key
from anselai.settings import Settings
from tests.integration.processes import COMMAND, KEY, PATIENCE, Home, Started, patiently

EVERYWHERE = "0.0.0.0"  # noqa: S104
FORM_TOKEN = re.compile(r'name="formToken" value="([^"]+)"')
WITHOUT_KEY = {"ANSELAI_API_KEY": ""}


def browser(serve: Started) -> httpx.Client:
    return httpx.Client(base_url=serve.address, timeout=PATIENCE, trust_env=False)


def follow(client: httpx.Client, link: str) -> httpx.Response:
    """Open a sign-in link, and press its button."""
    found = FORM_TOKEN.search(client.get(link).text)
    assert found is not None
    return client.post(link, data={"formToken": found[1]})


def link_of(serve: Started) -> str:
    found = re.search(r"Sign in +(http://\S+)  \(once, within 15 minutes\)", serve.printed)
    assert found is not None, serve.printed
    return found[1]


@contextmanager
def watched(home: Home, *arguments: str, **settings: str) -> Iterator[list[str]]:
    """Start a command in a terminal; what it prints there."""
    ours, theirs = pty.openpty()
    printed: list[str] = []
    environment = {**home.environment(**settings), "COLUMNS": "200"}
    process = subprocess.Popen([*COMMAND, *arguments], cwd=home.folder, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)

    def listen() -> None:
        while True:
            try:
                printed.append(os.read(ours, 65_536).decode())
            except OSError:  # the other end is closed
                return

    listener = Thread(target=listen)
    listener.start()
    try:
        for _ in patiently("the start screen never comes"):
            if "Ctrl-C\r\n" in "".join(printed):
                break
        yield printed
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        listener.join()
        os.close(ours)


def test_the_printed_link_signs_in_once(external: Home) -> None:
    with external.started("serve") as serve:
        link = link_of(serve.ready())
        assert link.startswith(f"{serve.address}/sign-in/")
        with browser(serve) as photographer, browser(serve) as thief:
            assert photographer.get("/").status_code == 303
            assert follow(photographer, link).headers["location"] == "/"
            assert photographer.get("/").status_code == 200
            assert follow(thief, link).status_code == 401
            assert thief.get("/").status_code == 303
        assert serve.stop() == 0
    assert KEY not in serve.printed


def test_a_session_outlives_a_restart_and_the_old_link_does_not(home: Home) -> None:
    with home.started("serve", ANSELAI_LOG_LEVEL="DEBUG") as serve:
        link = link_of(serve.ready())
        with browser(serve) as photographer:
            follow(photographer, link)
            cookies = dict(photographer.cookies)
        assert serve.stop() == 0
    port = httpx.URL(serve.address).port
    with home.started("serve", ANSELAI_PORT=str(port)) as again:
        again.ready()
        with browser(again) as photographer:
            photographer.cookies.update(cookies)
            assert photographer.get("/").status_code == 200
        with browser(again) as stranger:
            assert follow(stranger, link).status_code == 401
        assert again.stop() == 0
    code = link.rpartition("/")[2]
    assert serve.printed.count(code) == 1, "on the start screen and in no line of the log"


def test_a_session_that_was_signed_out_does_not_come_back_with_a_restart(external: Home) -> None:
    with external.started("serve") as serve:
        link = link_of(serve.ready())
        with browser(serve) as photographer:
            follow(photographer, link)
            cookies = dict(photographer.cookies)
            found = FORM_TOKEN.search(photographer.get("/sync").text)
            assert found is not None
            assert photographer.post("/sign-out", data={"formToken": found[1]}).status_code == 303
        assert serve.stop() == 0
    with external.started("serve", ANSELAI_PORT=str(httpx.URL(serve.address).port)) as again:
        again.ready()
        with browser(again) as thief:
            thief.cookies.update(cookies)
            assert thief.get("/").status_code == 303
        assert again.stop() == 0


def test_the_first_start_in_a_terminal_shows_a_key_and_no_later_one_does(empty_home: Home) -> None:
    with watched(empty_home, "serve", **WITHOUT_KEY) as printed:
        found = re.search(r"API key +(ansel_\S+)  \(shown this once: keep it\)", "".join(printed))
        assert found is not None, printed
        address = re.search(r"is ready: (http://\S+)", "".join(printed))
        assert address is not None
        answer = httpx.get(
            f"{address[1]}/api/connections", headers={"Authorization": f"Bearer {found[1]}"}, trust_env=False
        )
        assert answer.status_code == 200
    with watched(empty_home, "serve", **WITHOUT_KEY) as printed:
        assert "ansel_" not in "".join(printed)
        assert "anselai keys api create" in "".join(printed)
    keys = empty_home.json("keys", "api", "list", **WITHOUT_KEY)
    assert [each["name"] for each in keys] == ["first"]


async def test_a_first_key_is_made_once_and_only_where_a_person_watches_who_has_no_other() -> None:
    async with open_in_memory() as ansel:
        for settings in (Settings(api_key=Secret(KEY)), Settings(auth=False), Settings(database_url=Secret("x"))):
            assert await first_key(settings, ansel, is_watched=True) is None
        assert await first_key(Settings(), ansel, is_watched=False) is None
        text = await first_key(Settings(), ansel, is_watched=True)
        assert (await ansel.access.authenticate(text)).may(Scope.ADMIN)
        assert await first_key(Settings(), ansel, is_watched=True) is None


def test_where_nobody_watches_no_key_is_made(home: Home) -> None:
    with home.started("serve", **WITHOUT_KEY) as serve:
        assert "ansel_" not in serve.ready().printed
        assert "anselai keys api create" in serve.printed
        assert serve.stop() == 0
    assert home.json("keys", "api", "list", **WITHOUT_KEY) == []


@pytest.mark.parametrize("command", ["serve", "scheduler"])
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"ANSELAI_AUTH": "off"}, "ANSELAI_AUTH is off"),
        ({}, "Set ENCRYPTION_KEY"),
    ],
)
def test_beyond_this_machine_it_starts_only_behind_keys_of_ones_own(
    empty_home: Home, command: str, settings: dict[str, str], told: str
) -> None:
    for host in (EVERYWHERE, "::", "192.0.2.1", "studio.example"):
        done = empty_home.run(command, ANSELAI_HOST=host, ANSELAI_METRICS_PORT="0", **settings)
        assert (done.code, told in done.err) == (1, True), done.err
        assert "[INVALID_SETTINGS]" in done.err
    assert not empty_home.data.exists(), "refused before anything is started"


@pytest.mark.parametrize("command", ["serve", "scheduler"])
@pytest.mark.parametrize(
    "settings",
    [
        {"ANSELAI_TRUSTED_PROXIES": "127.0.0.1"},
        {"ANSELAI_ALLOWED_HOSTS": "localhost, studio.example"},
        {"ANSELAI_CORS_ORIGINS": "https://studio.example"},
    ],
)
def test_nor_is_it_open_to_all_behind_a_proxy_or_to_a_site_that_others_reach(
    empty_home: Home, command: str, settings: dict[str, str]
) -> None:
    done = empty_home.run(command, ANSELAI_AUTH="off", ANSELAI_METRICS_PORT="0", **settings)
    assert (done.code, f"{next(iter(settings))} " in done.err, "ANSELAI_AUTH is off" in done.err) == (1, True, True)
    assert not empty_home.data.exists(), "refused before anything is started"


def test_beyond_this_machine_somebody_has_to_have_a_key(external: Home) -> None:
    exposed = replace(external, settings={**external.settings, "ANSELAI_HOST": EVERYWHERE, **WITHOUT_KEY})
    refused = exposed.run("serve")
    assert (refused.code, "anselai keys api create" in refused.err) == (1, True)
    created = exposed.run("keys", "api", "create", "laptop")
    with exposed.started("serve") as serve:
        serve.ready()
        assert f"Listens    on {EVERYWHERE}, without encryption: put a proxy with TLS in front" in serve.printed
        assert serve.address.startswith("http://127.0.0.1:")
        assert "/sign-in/" not in serve.printed, "what is printed may be a log, and others reach this port"
        headers = {"Authorization": f"Bearer {created.out.strip()}"}
        with browser(serve) as client:
            assert client.get("/api/connections", headers=headers).status_code == 200
            assert client.get("/api/connections", headers={**headers, "Host": "192.0.2.7"}).status_code == 421
        assert serve.stop() == 0
    key_id = exposed.json("keys", "api", "list")[0]["id"]
    assert exposed.run("keys", "api", "revoke", key_id).code == 0
    assert exposed.run("serve").code == 1
    assert exposed.run("scheduler", ANSELAI_METRICS_PORT="0").code == 1


def test_with_a_key_in_the_settings_it_listens_wherever_it_is_told_to(external: Home) -> None:
    reached = {"ANSELAI_HOST": EVERYWHERE, "ANSELAI_ALLOWED_HOSTS": "studio.example"}
    with external.started("serve", **reached, ANSELAI_TRUSTED_PROXIES="127.0.0.1") as serve:
        serve.ready()
        assert f"Listens    on {EVERYWHERE}, behind 127.0.0.1/32" in serve.printed
        with browser(serve) as client:
            proxied = {"Host": "studio.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
            answer = client.get("/sign-in", headers=proxied)
            assert answer.headers["set-cookie"].startswith("__Host-anselai=")
            assert "strict-transport-security" in answer.headers
        assert serve.stop() == 0


def test_each_start_writes_down_by_which_settings_it_lets_in_and_no_value_of_them(external: Home) -> None:
    for settings in ({}, {"ANSELAI_AUTH": "off", **WITHOUT_KEY}):
        with external.started("serve", "--no-scheduler", **settings) as serve:
            serve.ready()
            assert serve.stop() == 0
    rows = [each for each in external.json("audit")["entries"] if each["action"] == "served"]
    [key_id] = [each["id"] for each in external.json("keys", "status")]
    assert [each["detail"] for each in rows] == [
        f"authentication off; ANSELAI_API_KEY unset; encryption keys {key_id}",
        f"authentication on; ANSELAI_API_KEY set; encryption keys {key_id}",
    ]
    assert {(each["actor"], each["studio"]) for each in rows} == {("serve", "*")}
    assert KEY not in repr(rows)


def test_with_the_switch_off_the_start_screen_warns(home: Home) -> None:
    with home.started("serve", ANSELAI_AUTH="off", ANSELAI_ALLOWED_HOSTS="localhost") as serve:
        serve.ready()
        assert "off (ANSELAI_AUTH=off): whoever reaches this port may do everything" in serve.printed
        with browser(serve) as client:
            assert client.get("/api/connections").status_code == 200
            assert client.get("/").status_code == 200
        assert serve.stop() == 0

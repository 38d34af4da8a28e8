"""Under which names we answer, what a proxy may say, and which other sites may call the API."""

from ipaddress import ip_network

import httpx
import pytest
from starlette.applications import Starlette

from anselai.application.ansel import Ansel
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.doors import Doors
from anselai.entrypoints.http.remote import TrustedProxies
from anselai.settings import load_settings
from tests.integration.http.asking import BEARER, Reply, ask, form_token

HOST = (b"host", b"127.0.0.1:3200")
PROXY = ip_network("10.0.0.0/24")
TLS = (b"x-forwarded-proto", b"https")
SITE = b"https://studio.example"
ASKING = (b"access-control-request-method", b"PUT")


def opened(ansel: Ansel, **doors: object) -> Starlette:
    return build_app(ansel, doors=Doors(**doors))  # type: ignore[arg-type]


async def test_names_that_were_allowed_are_ours_as_well_and_no_other(ansel: Ansel) -> None:
    settings = load_settings(
        {"ANSELAI_HOST": "192.168.1.5", "ANSELAI_ALLOWED_HOSTS": "Studio.Example, [fd00::7]"}, dotenv=None
    )
    app = build_app(ansel, doors=Doors.of(settings))
    for host in ("192.168.1.5:3200", "studio.example", "STUDIO.example:443", "[fd00::7]:80", "localhost"):
        assert (await ask(app, "GET", "/api/connections", headers=[(b"host", host.encode())])).status == 200
    for host in ("192.168.1.6:3200", "evil.studio.example", "example", "studio.example.", "[fd00::8]"):
        reply = await ask(app, "GET", "/api/connections", headers=[(b"host", host.encode())])
        assert (reply.status, b"ANSELAI_ALLOWED_HOSTS" in reply.body) == (421, True)


async def test_listening_everywhere_gives_it_no_name(ansel: Ansel) -> None:
    for everywhere in ("0.0.0.0", "::"):  # noqa: S104
        doors = Doors.of(load_settings({"ANSELAI_HOST": everywhere}, dotenv=None))
        host = (b"host", f"[{everywhere}]:80".encode() if ":" in everywhere else everywhere.encode())
        assert (await ask(build_app(ansel, doors=doors), "GET", "/api/connections", headers=[host])).status == 421


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ([], "10.0.0.7"),
        (["203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.0.0.8"], "203.0.113.9"),
        (["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6, unknown"], "10.0.0.7"),
        (["6.6.6.6, nonsense, 10.0.0.8"], "10.0.0.8"),
        ([""], "10.0.0.7"),
        (["é"], "10.0.0.7"),
        ([", ".join(["10.0.0.8"] * 5000)], "10.0.0.8"),
    ],
)
def test_a_proxy_of_ours_says_whom_it_speaks_for(told: list[str], address: str) -> None:
    proxies = TrustedProxies(networks=(PROXY,))
    headers = [(b"x-forwarded-for", each.encode("latin-1")) for each in told]
    scope = {"scheme": "http", "client": ("10.0.0.7", 1), "headers": headers}
    assert proxies.remote_of(scope).address == address
    anybody = {**scope, "client": ("203.0.113.1", 1)}
    assert proxies.remote_of(anybody).address == "203.0.113.1"
    assert TrustedProxies().remote_of(scope).address == "10.0.0.7"


@pytest.mark.parametrize(
    ("told", "is_tls"),
    [
        ([b"https"], True),
        ([b"HTTPS"], True),
        ([b"http, https"], True),
        ([b"https, http"], False),
        ([b"https", b"http"], False),
    ],
)
def test_the_nearest_proxy_says_whether_it_was_asked_by_tls(told: list[bytes], is_tls: bool) -> None:
    headers = [(b"x-forwarded-proto", each) for each in told]
    scope = {"scheme": "http", "client": ("10.0.0.7", 1), "headers": headers}
    assert TrustedProxies(networks=(PROXY,)).remote_of(scope).is_tls is is_tls
    assert TrustedProxies().remote_of(scope).is_tls is False


async def test_behind_tls_the_browser_is_told_to_stay_there_and_the_cookie_too(ansel: Ansel) -> None:
    app = opened(ansel, proxies=(PROXY,))
    reply = await ask(app, "GET", "/sign-in", headers=[HOST, TLS], known=False, client="10.0.0.7")
    assert reply.headers["strict-transport-security"] == "max-age=31536000"
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("__Host-anselai=")
    assert cookie.endswith("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure")
    form = f"formToken={form_token(reply.body.decode())}&apiKey=x".encode()
    sent = [HOST, TLS, (b"cookie", cookie.partition(";")[0].encode())]
    posted = [*sent, (b"content-type", b"application/x-www-form-urlencoded"), (b"origin", b"https://127.0.0.1:3200")]
    answer = await ask(app, "POST", "/sign-in", headers=posted, chunks=[form], known=False, client="10.0.0.7")
    assert answer.status == 401


async def test_nobody_else_is_believed_to_be_a_proxy(ansel: Ansel) -> None:
    for app in (opened(ansel, proxies=(PROXY,)), opened(ansel)):
        reply = await ask(app, "GET", "/sign-in", headers=[HOST, TLS], known=False, client="203.0.113.1")
        assert "strict-transport-security" not in reply.headers
        assert "Secure" not in reply.headers["set-cookie"]


async def test_the_audit_log_has_the_address_behind_the_proxy(ansel: Ansel) -> None:
    app = opened(ansel, proxies=(PROXY,))
    await ansel.connections.save_connection("google", access_token="access-1")
    headers = [HOST, BEARER, (b"x-forwarded-for", b"203.0.113.9")]
    await ask(app, "DELETE", "/api/connections/google", headers=headers, client="10.0.0.7")
    assert (await ansel.access.audit()).entries[0].address == "203.0.113.9"


def cors_of(reply: Reply) -> dict[str, str]:
    return {name: value for name, value in reply.headers.items() if name.startswith("access-control-")}


async def test_no_other_site_may_call_unless_it_was_named(app: Starlette) -> None:
    for method in ("GET", "OPTIONS"):
        for known in (True, False):
            headers = [HOST, (b"origin", SITE), ASKING]
            assert cors_of(await ask(app, method, "/api/connections", headers=headers, known=known)) == {}
    assert (
        await ask(app, "OPTIONS", "/api/connections", headers=[HOST, (b"origin", SITE), ASKING], known=False)
    ).status == 401


@pytest.mark.parametrize(("proxies", "found"), [(19, "203.0.113.9"), (20, "10.0.0.1"), (200, "10.0.0.1")])
def test_no_more_hops_are_looked_at_than_anybody_has_proxies(proxies: int, found: str) -> None:
    told = b"203.0.113.9" + b", 10.0.0.1" * proxies
    scope = {"client": ("10.0.0.7", 50000), "scheme": "http", "headers": [(b"x-forwarded-for", told)]}
    assert TrustedProxies(networks=(ip_network("10.0.0.0/8"),)).remote_of(scope).address == found


async def test_a_named_site_may_call_with_a_key_and_never_with_a_cookie(ansel: Ansel) -> None:
    app = opened(ansel, cors_origins=frozenset([SITE]))
    from_there = [HOST, (b"origin", SITE), (b"sec-fetch-site", b"cross-site")]
    preflight = await ask(app, "OPTIONS", "/api/connections/google", headers=[*from_there, ASKING], known=False)
    assert (preflight.status, preflight.headers["access-control-allow-origin"]) == (204, SITE.decode())
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in preflight.headers
    reply = await ask(app, "DELETE", "/api/connections/google", headers=from_there)
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (404, SITE.decode())
    assert reply.headers["vary"] == "Origin"
    turned_away = await ask(app, "GET", "/api/connections", headers=from_there, known=False)
    assert (turned_away.status, turned_away.headers["access-control-allow-origin"]) == (401, SITE.decode())


@pytest.mark.parametrize("origin", [b"https://evil.example", b"https://studio.example.evil.example", b"null", b""])
async def test_a_site_that_was_not_named_still_may_not(ansel: Ansel, origin: bytes) -> None:
    app = opened(ansel, cors_origins=frozenset([SITE]))
    headers = [HOST, (b"origin", origin), ASKING]
    assert cors_of(await ask(app, "GET", "/api/connections", headers=headers)) == {}
    assert (await ask(app, "OPTIONS", "/api/connections", headers=headers, known=False)).status == 401
    assert (await ask(app, "DELETE", "/api/connections/google", headers=headers)).status == 403


async def test_a_named_site_may_not_send_forms(ansel: Ansel) -> None:
    app = opened(ansel, cors_origins=frozenset([SITE]))
    reply = await ask(app, "POST", "/connections/google/remove", headers=[HOST, (b"origin", SITE)])
    assert reply.status == 403
    assert cors_of(await ask(app, "GET", "/sync", headers=[HOST, (b"origin", SITE)])) == {}


async def test_a_file_that_is_asked_for_with_its_version_is_kept_for_ever(client: httpx.AsyncClient) -> None:
    page = (await client.get("/sync")).text
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert "?v=" in address
    assert (await client.get(address)).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (await client.get(address + "x")).headers["cache-control"] == "no-cache"
    assert (await client.get("/static/anselai.css")).headers["cache-control"] == "no-cache"

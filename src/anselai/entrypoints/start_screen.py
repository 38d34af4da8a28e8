"""What `serve` prints when it is ready. Plain text, and no secret but the ways in, which are shown once."""

from collections.abc import Sequence

from anselai import __version__
from anselai.application.views import PlatformView
from anselai.container import KeyInUse
from anselai.domain.secret import Secret
from anselai.settings import Settings, database_place, is_loopback

_OWN = "the user's own database"


def start_screen(
    *,
    address: str,
    code: Secret | None,
    first_key: Secret | None,
    settings: Settings,
    key: KeyInUse,
    platforms: Sequence[PlatformView],
    with_scheduler: bool,
) -> str:
    """How to come in, where the data lies, which key seals the tokens, what is only simulated, and how to stop.

    `code` is that of the sign-in link, None where there is none; `first_key` is shown here and nowhere else.
    """
    stubs = [each.name for each in platforms if each.simulated]
    real = [each.name for each in platforms if not each.simulated]
    lines = [
        *_way_in(address, code, first_key, settings),
        *_exposed(settings),
        ("Data", place_of_data(settings)),
        ("Key", f"{key.source} (id {key.id})"),
        *([("Platforms", ", ".join(real))] if real else []),
        *([("Stubs", f"{', '.join(stubs)} (simulated: no platform is called)")] if stubs else []),
        ("Scheduler", "runs here" if with_scheduler else "not here; start one with: anselai scheduler"),
        ("Stop", "Ctrl-C"),
    ]
    return "\n".join(
        ["", f"AnselAI {__version__} is ready: {address}", "", *(f"  {name:<11}{text}" for name, text in lines), ""]
    )


def _way_in(address: str, code: Secret | None, first_key: Secret | None, settings: Settings) -> list[tuple[str, str]]:
    if not settings.auth:
        return [("Sign-in", "off (ANSELAI_AUTH=off): whoever reaches this port may do everything")]
    by_key = f"{address}/sign-in  with an API key"
    link = by_key if code is None else f"{address}/sign-in/{code.reveal()}  (once, within 15 minutes)"
    return [
        ("Sign in", link),
        *([("API key", f"{first_key.reveal()}  (shown this once: keep it)")] if first_key is not None else []),
        ("More keys" if first_key is not None else "API keys", "anselai keys api create"),
    ]


def _exposed(settings: Settings) -> list[tuple[str, str]]:
    if is_loopback(settings.host):
        return []
    proxied = ", ".join(settings.trusted_proxies)
    plain = "without encryption: put a proxy with TLS in front, and name it in ANSELAI_TRUSTED_PROXIES"
    return [("Listens", f"on {settings.host}, {f'behind {proxied}' if proxied else plain}")]


def place_of_data(settings: Settings) -> str:
    """The embedded database's folder, or an external one's host and name: never its user or password."""
    if settings.database_url is None:
        return f"{settings.data_dir} (PostgreSQL that comes with AnselAI)"
    host, name = database_place(settings.database_url)
    return f"{name or _OWN} on {host or 'this machine'} (DATABASE_URL)"

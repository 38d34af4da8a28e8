"""What `serve` prints when it is ready. Plain text, and no secret."""

from collections.abc import Sequence
from urllib.parse import parse_qs, unquote, urlsplit

from anselai import __version__
from anselai.application.views import PlatformView
from anselai.container import KeyInUse
from anselai.settings import Settings


def start_screen(
    *, address: str, settings: Settings, key: KeyInUse, platforms: Sequence[PlatformView], with_scheduler: bool
) -> str:
    """The address, where the data lies, which key seals the tokens, what is only simulated, and how to stop."""
    stubs = [each.name for each in platforms if each.simulated]
    real = [each.name for each in platforms if not each.simulated]
    lines = [
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


def place_of_data(settings: Settings) -> str:
    """The embedded database's folder, or an external one's host and name: never its user or password."""
    if settings.database_url is None:
        return f"{settings.data_dir} (PostgreSQL that comes with AnselAI)"
    parts = urlsplit(settings.database_url.reveal())
    query = parse_qs(parts.query)
    host = query.get("host", [unquote(parts.netloc.rpartition("@")[2])])[0] or "this machine"
    name = query.get("dbname", [unquote(parts.path.lstrip("/"))])[0] or "the user's own database"
    return f"{name} on {host} (DATABASE_URL)"

"""The only reader of the environment and of .env."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import parse_qs, unquote

from anselai.domain.errors import InvalidSettings
from anselai.domain.secret import Secret

_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*")
_ORIGIN_HOST = re.compile(rf"({_HOST_NAME.pattern}|\[[0-9a-f:]+\])(:[0-9]{{1,5}})?")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
SHORTEST_API_KEY = 32
FEWEST_DIFFERENT = 12  # characters
MAKE_API_KEY = "Make a good one with: anselai keys generate"
_PLACEHOLDERS = ("change", "placeholder", "example", "your-", "your_", "replace", "password", "encryption", "secret")
_RUNS = ("123456", "abcdef", "qwerty", "asdfgh", "zxcvbn")
ROOT_DATA_DIR = Path("/var/lib/anselai")
PLATFORM_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
MOST_RUNS = 1_000_000
_LONGEST_QUOTE = 20  # characters: what is longer may be a secret in the wrong place
_SECRET_NAME = re.compile("SECRET|PASSWORD|PASSPHRASE|CREDENTIAL|PRIVATE|TOKEN|KEY")
# As libpq reads it, and not as a browser would: a password ends at the first "@", and may hold "?" and "#".
_DATABASE_HOST = r"(?:\[[^\]/?@]*\]|[^:,/?@\[\]]*)(?::[0-9]*)?"
_DATABASE_URL = re.compile(
    r"postgres(?:ql)?://(?:[^:@/]*(?::(?P<password>[^@/]*))?@)?"
    rf"(?P<host>{_DATABASE_HOST}(?:,{_DATABASE_HOST})*)(?:/(?P<name>[^?@]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator sets. Without `database_url` the embedded PostgreSQL in `data_dir` is used."""

    database_url: Secret | None = None
    encryption_key: Secret | None = None
    encryption_keys_old: tuple[Secret, ...] = ()
    api_key: Secret | None = None
    auth: bool = True
    host: str = "127.0.0.1"
    port: int = 3200
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    data_dir: Path = field(default_factory=lambda: default_data_dir())
    log_level: str = "INFO"
    metrics_port: int | None = None
    runs_per_process: Mapping[str, int] = field(default_factory=dict)
    runs_per_fleet: Mapping[str, int] = field(default_factory=dict)
    platform_values: Mapping[str, Secret] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret that could come by: the keys, the database's address, and what the environment calls one."""
        given = (self.encryption_key, *self.encryption_keys_old, self.api_key)
        return (
            *(each for each in given if each is not None),
            *(database_secrets(self.database_url) if self.database_url is not None else ()),
            *named_secrets(self.platform_values),
        )


def default_data_dir() -> Path:
    """The user's data folder; for root, whose home nobody else may enter, a folder of the system."""
    from platformdirs import user_data_path

    return ROOT_DATA_DIR if os.geteuid() == 0 else user_data_path("anselai", appauthor=False)


def named_secrets(values: Mapping[str, Secret]) -> list[Secret]:
    """Those whose name says that they are secret: the environment holds much else."""
    return [text for name, text in values.items() if _SECRET_NAME.search(name)]


def database_secrets(url: Secret) -> list[Secret]:
    """The address itself, and each password in it."""
    found = _DATABASE_URL.fullmatch(url.reveal())
    if found is None:
        return [url]
    queried = [each for name in ("password", "sslpassword") for each in parse_qs(found["query"] or "").get(name, [])]
    written = found["password"] or ""
    return [url, *(Secret(each) for each in (written, unquote(written), *queried) if each)]


def database_place(url: Secret) -> tuple[str, str]:
    """Host and name of a database, empty where the address does not say; never its user or password."""
    found = _DATABASE_URL.fullmatch(url.reveal())
    if found is None:
        return "", ""
    query = parse_qs(found["query"] or "")
    return query.get("host", [unquote(found["host"])])[0], query.get("dbname", [unquote(found["name"] or "")])[0]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there, or calls it by that name."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> Settings:
    """Settings from the environment, and from `dotenv` where the environment is silent. Raises InvalidSettings."""
    values = {**_read_dotenv(dotenv), **(os.environ if environ is None else environ)}
    given = {name: text.strip() for name, text in values.items() if text.strip()}
    secrets = {name: Secret(text) for name, text in given.items()}
    return Settings(
        database_url=_database_url(secrets.get("DATABASE_URL")),
        encryption_key=secrets.get("ENCRYPTION_KEY"),
        encryption_keys_old=tuple(Secret(each) for each in _listed(given, "ENCRYPTION_KEYS_OLD")),
        api_key=_api_key(
            secrets.get("ANSELAI_API_KEY"),
            {given.get("ENCRYPTION_KEY", ""), *_listed(given, "ENCRYPTION_KEYS_OLD")},
        ),
        auth=_switch("ANSELAI_AUTH", given.get("ANSELAI_AUTH", "on")),
        host=_host("ANSELAI_HOST", given.get("ANSELAI_HOST", "127.0.0.1")),
        port=_port("ANSELAI_PORT", given.get("ANSELAI_PORT", "3200")),
        allowed_hosts=tuple(_host("ANSELAI_ALLOWED_HOSTS", each) for each in _listed(given, "ANSELAI_ALLOWED_HOSTS")),
        trusted_proxies=tuple(_network(each) for each in _listed(given, "ANSELAI_TRUSTED_PROXIES")),
        cors_origins=tuple(_origin(each) for each in _listed(given, "ANSELAI_CORS_ORIGINS")),
        data_dir=Path(given["ANSELAI_DATA_DIR"]).expanduser() if "ANSELAI_DATA_DIR" in given else default_data_dir(),
        log_level=_log_level(given.get("ANSELAI_LOG_LEVEL", "INFO")),
        metrics_port=(
            _port("ANSELAI_METRICS_PORT", given["ANSELAI_METRICS_PORT"]) if "ANSELAI_METRICS_PORT" in given else None
        ),
        runs_per_process=_runs("ANSELAI_RUNS_PER_PROCESS", given),
        runs_per_fleet=_runs("ANSELAI_RUNS_PER_FLEET", given),
        platform_values=secrets,
    )


def _read_dotenv(path: Path | None) -> dict[str, str]:
    if path is None or not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {name: text for name, text in dotenv_values(path, interpolate=False).items() if text is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{path} cannot be read: {error}") from None


def _database_url(url: Secret | None) -> Secret | None:
    if url is not None and not url.reveal().startswith(("postgresql://", "postgres://")):
        raise InvalidSettings("DATABASE_URL must begin with postgresql://, for example postgresql://user@host/anselai")
    if url is not None and _DATABASE_URL.fullmatch(url.reveal()) is None:
        raise InvalidSettings(
            "DATABASE_URL is not like postgresql://user:password@host:5432/database. In the user and the password write"
            " @ as %40, / as %2F, : as %3A and % as %25."
        )
    return url


def _api_key(key: Secret | None, sealing: set[str]) -> Secret | None:
    if key is None:
        return None
    text = key.reveal()
    if not text.isascii() or not text.isprintable() or " " in text or len(text) < SHORTEST_API_KEY:
        raise InvalidSettings(
            f"ANSELAI_API_KEY must be at least {SHORTEST_API_KEY} visible ASCII characters. {MAKE_API_KEY}"
        )
    if text in sealing:
        raise InvalidSettings(f"ANSELAI_API_KEY must not be an encryption key as well: it is shown. {MAKE_API_KEY}")
    made_up = any(word in text.lower() for word in (*_PLACEHOLDERS, *_RUNS)) or text in (text + text)[1:-1]
    if made_up or len(set(text)) < FEWEST_DIFFERENT:
        raise InvalidSettings(f"ANSELAI_API_KEY is a placeholder or easy to guess. {MAKE_API_KEY}")
    return key


def _listed(given: Mapping[str, str], name: str) -> list[str]:
    return given.get(name, "").replace(",", " ").split()


def _switch(name: str, text: str) -> bool:
    if text.lower() not in ("on", "off"):
        raise InvalidSettings(f"{name} must be on or off.")
    return text.lower() == "on"


def _host(name: str, text: str) -> str:
    """An address, or a name; without a port."""
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        pass
    if _HOST_NAME.fullmatch(text.lower()) is None:
        raise InvalidSettings(
            f"{name} must be an address such as 127.0.0.1 or a name such as studio.example, without port."
        )
    return text.lower()


def _network(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise InvalidSettings(
            "ANSELAI_TRUSTED_PROXIES must list addresses or networks, such as 10.0.0.7 or 10.0.0.0/24."
        ) from None


def _origin(text: str) -> str:
    """An origin as browsers write it."""
    scheme, separator, host = text.lower().partition("://")
    if scheme not in ("http", "https") or not separator or _ORIGIN_HOST.fullmatch(host) is None:
        raise InvalidSettings("ANSELAI_CORS_ORIGINS must list origins such as https://studio.example, without a path.")
    return f"{scheme}://{host}"


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise InvalidSettings(f"{name} must be a number from 0 to 65535 (0: any free port).")
    return int(text)


def _runs(name: str, given: Mapping[str, str]) -> dict[str, int]:
    """`google=20,meta=5` as numbers by platform."""
    limits: dict[str, int] = {}
    for part in given[name].split(",") if name in given else ():
        platform, _, number = (each.strip() for each in part.partition("="))
        if not PLATFORM_NAME.fullmatch(platform) or not number.isdecimal() or not 1 <= int(number) <= MOST_RUNS:
            raise InvalidSettings(
                f"{name} must be like google=20,meta=5: names of platforms, each with a number from 1 to {MOST_RUNS}. "
                f"{_short(part.strip())!r} is not."
            )
        if platform in limits:
            raise InvalidSettings(f"{name} has two numbers for {_short(platform)}. Leave one.")
        limits[platform] = int(number)
    return limits


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else "..."


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise InvalidSettings(f"ANSELAI_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}.")
    return text.upper()

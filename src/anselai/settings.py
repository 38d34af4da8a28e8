"""The only reader of the environment and of .env."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from anselai.domain.errors import InvalidSettings
from anselai.domain.secret import Secret

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
ROOT_DATA_DIR = Path("/var/lib/anselai")
PLATFORM_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
MOST_RUNS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator sets. Without `database_url` the embedded PostgreSQL in `data_dir` is used."""

    database_url: Secret | None = None
    encryption_key: Secret | None = None
    host: str = "127.0.0.1"
    port: int = 3200
    data_dir: Path = field(default_factory=lambda: default_data_dir())
    log_level: str = "INFO"
    metrics_port: int | None = None
    runs_per_process: Mapping[str, int] = field(default_factory=dict)
    runs_per_fleet: Mapping[str, int] = field(default_factory=dict)
    platform_values: Mapping[str, Secret] = field(default_factory=dict, repr=False)


def default_data_dir() -> Path:
    """The user's data folder; for root, whose home nobody else may enter, a folder of the system."""
    from platformdirs import user_data_path

    return ROOT_DATA_DIR if os.geteuid() == 0 else user_data_path("anselai", appauthor=False)


def load_settings(environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> Settings:
    """Settings from the environment, and from `dotenv` where the environment is silent. Raises InvalidSettings."""
    values = {**_read_dotenv(dotenv), **(os.environ if environ is None else environ)}
    given = {name: text.strip() for name, text in values.items() if text.strip()}
    secrets = {name: Secret(text) for name, text in given.items()}
    return Settings(
        database_url=_database_url(secrets.get("DATABASE_URL")),
        encryption_key=secrets.get("ENCRYPTION_KEY"),
        host=_loopback(given.get("ANSELAI_HOST", "127.0.0.1")),
        port=_port("ANSELAI_PORT", given.get("ANSELAI_PORT", "3200")),
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
    return url


def _loopback(host: str) -> str:
    try:
        is_loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise InvalidSettings(
            f"ANSELAI_HOST is {host}, but AnselAI listens on this machine only as long as it has no sign-in: "
            "listening beyond it comes with sign-in. Use 127.0.0.1."
        )
    return host


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise InvalidSettings(f"{name} must be a number from 0 to 65535 (0: any free port), not {text!r}.")
    return int(text)


def _runs(name: str, given: Mapping[str, str]) -> dict[str, int]:
    """`google=20,meta=5` as numbers by platform."""
    limits: dict[str, int] = {}
    for part in given[name].split(",") if name in given else ():
        platform, _, number = (each.strip() for each in part.partition("="))
        if not PLATFORM_NAME.fullmatch(platform) or not number.isdecimal() or not 1 <= int(number) <= MOST_RUNS:
            raise InvalidSettings(
                f"{name} must be like google=20,meta=5: names of platforms, each with a number from 1 to {MOST_RUNS}. "
                f"{part.strip()!r} is not."
            )
        if platform in limits:
            raise InvalidSettings(f"{name} has two numbers for {platform}. Leave one.")
        limits[platform] = int(number)
    return limits


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise InvalidSettings(f"ANSELAI_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}, not {text!r}.")
    return text.upper()

"""The log: one line a record, on standard error, and no secret in any."""

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from anselai.domain.secret import Secret
from anselai.settings import Settings

LINE = "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s"
CLOCK = "%Y-%m-%d %H:%M:%S"
SHORTEST_SECRET = 6  # characters; blotting out shorter ones would garble everything else

REPEAT_AFTER = 60.0  # seconds
MOST_REMEMBERED = 1000
NEWS = {"is_news": True}  # as `extra`: told each time, because it is only said when something changed

# What a driver may quote of an address: `://user:password@`, and `password=…` of a key-value or a query form.
_PASSWORDS = (
    re.compile(r"(?<=://)[^\s/@]*:[^\s/]*@"),
    re.compile(r"(?<=\bpassword=)('(?:[^'\\]|\\.)*'|[^\s&'\"]+)", re.IGNORECASE),
)


def alike(*what: object) -> Mapping[str, object]:
    """As `extra`: lines of these words and of equal `what` are repeats, whatever else they tell (a request's id)."""
    return {"alike": what}


class SecretlessFormatter(logging.Formatter):
    """Formats a record, its traceback included, and then blots out every secret that the settings hold."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__(LINE, CLOCK)
        self.secrets = tuple(secrets)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  its name in logging
        return " ".join(super().formatMessage(record).splitlines())

    def format(self, record: logging.LogRecord) -> str:
        return blot_out(super().format(record), self.secrets)


class SpareRepeats(logging.Filter):
    """Lets the same words of a logger through once in REPEAT_AFTER: an outage must not fill the disk."""

    def __init__(self) -> None:
        super().__init__()
        self.told_at: dict[tuple[object, ...], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or getattr(record, "is_news", False):
            return True
        what = getattr(record, "alike", None)
        told = record.getMessage() if what is None else (record.msg, *what)
        words = (record.name, told, repr(record.exc_info[1]) if record.exc_info else None)
        if record.created - self.told_at.get(words, 0.0) < REPEAT_AFTER:
            return False
        self.told_at.pop(words, None)  # to the end: the first is the one that was told the longest ago
        if len(self.told_at) >= MOST_REMEMBERED:
            self.told_at.pop(next(iter(self.told_at)), None)
        self.told_at[words] = record.created
        return True


def blot_out(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets, and without the password of any address in it."""
    for secret in secrets:
        text = text.replace(secret, "***")
    for password in _PASSWORDS:
        text = password.sub(lambda found: "***@" if found[0].endswith("@") else "***", text)
    return text


def secrets_of(settings: Settings) -> list[str]:
    """Every secret text that could come by, the longest first: the key, the database's password, the platforms' own."""
    declared = [name for name in settings.platform_values if re.search("SECRET|PASSWORD|TOKEN|KEY", name)]
    given = [settings.platform_values[name] for name in declared]
    if settings.encryption_key is not None:
        given.append(settings.encryption_key)
    texts = {*(each.reveal() for each in given), *_passwords_of(settings.database_url)}
    return sorted((each for each in texts if len(each) >= SHORTEST_SECRET), key=len, reverse=True)


def set_up_logging(settings: Settings) -> None:
    """Ours at the level of the settings; the libraries' only from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(SpareRepeats())
    handler.setFormatter(SecretlessFormatter(secrets_of(settings)))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("anselai").setLevel(settings.log_level)


def _passwords_of(url: Secret | None) -> list[str]:
    if url is None:
        return []
    parts = urlsplit(url.reveal())
    userinfo = parts.netloc.rpartition("@")[0]
    written = userinfo.partition(":")[2]
    queried = parse_qs(parts.query).get("password", [])
    return [url.reveal(), written, unquote(written), *queried]

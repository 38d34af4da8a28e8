"""What foreign code says, without the secrets that it may quote: a driver its address, a client its tokens."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final
from urllib.parse import quote, quote_plus

from anselai.domain.secret import Secret

SHORTEST: Final = 6  # characters: a shorter one would blot out ordinary words, and is no secret
HIDDEN: Final = "***"

_NAME: Final = (
    r"(?:(?:access|refresh|id|auth|exchange|session)[_-]?token|(?:client|app)[_-]?secret|(?:api|encryption)[_-]?key)"
)

# What shows by its form that it is a secret, known or not: of an address its `user:password@`, what stands after a
# telling name in JSON, in a query or in a repr, what an Authorization header holds, and our own keys.
_TELLING: Final = (
    (re.compile(r"(?<=://)[^\s/@]*:[^\s/]*@"), f"{HIDDEN}@"),
    (re.compile(r"(?<=\bpassword=)('(?:[^'\\]|\\.)*'|[^\s&'\"]+)", re.IGNORECASE), HIDDEN),
    (re.compile(rf"({_NAME}\\?['\"]?\s*[=:]\s*\\?['\"]?)[^\s'\"\\&,;)}}\]]{{8,}}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\b(Bearer|Basic)\s+(?=\S*\d)[\w\-.~+/|]{8,}=*", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\bansel_[0-9a-f]{32}_[\w-]{43}"), f"ansel_{HIDDEN}"),
)


def scrubbed(text: str, secrets: Iterable[Secret]) -> str:
    """The text with *** in the place of these secrets, in any usual spelling, and of what looks like one."""
    given = {str(each.reveal()) for each in secrets}
    spellings = {spelling for each in given if len(each) >= SHORTEST for spelling in _spellings(each)}
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, HIDDEN)
    for form, hidden in _TELLING:
        text = form.sub(hidden, text)
    return text


def _spellings(secret: str) -> Iterator[str]:
    """As it is, and as in a URL, in JSON, in a repr, in HTML, as hex and as base64."""
    data = secret.encode("utf-8", "replace")  # half of a surrogate pair has no spelling in a URL
    in_json = json.dumps(secret)[1:-1]
    yield from (secret, in_json, in_json.replace("/", "\\/"), repr(secret)[1:-1], escape(secret))
    for in_url in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield in_url
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), in_url)
    yield data.hex()
    yield data.hex().upper()
    for before in range(3):
        in_base64 = _within_base64(data, before)
        if len(in_base64) >= SHORTEST:
            yield in_base64
            yield in_base64.replace("+", "-").replace("/", "_")


def _within_base64(data: bytes, before: int) -> str:
    """The digits that these bytes alone decide (6 bits each) where `before` other bytes precede them in a group."""
    digits = b64encode(bytes(before) + data).decode().rstrip("=")
    bits = 8 * (before + len(data))
    return digits[-(-8 * before // 6) : bits // 6]

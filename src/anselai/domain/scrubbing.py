"""What foreign code says, without the secrets that it may quote: a driver its address, a client its tokens."""

import json
import re
from base64 import b64encode
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from html import escape
from threading import RLock
from typing import Final
from urllib.parse import quote, quote_plus
from weakref import WeakValueDictionary

from anselai.domain.secret import Secret

SHORTEST: Final = 6  # characters: a shorter one would blot out ordinary words, and is no secret
MOST_READ: Final = 100_000  # characters of a text: of a longer one only the beginning is told
_BORDER: Final = 50_000  # of these, where a secret may have been cut in two: a token as long as can be, all escaped
HIDDEN: Final = "***"
_PLAIN: Final = re.compile(r"[\w.~-]+", re.ASCII)  # as most tokens are: the same in text, URL, JSON, repr and HTML

_NAME: Final = (
    r"(?:(?:access|refresh|id|auth|exchange|session)[_-]?token|(?:client|app)[_-]?secret|(?:api|encryption)[_-]?key"
    r"|appsecret[_-]?proof|client[_-]?assertion)"
)

_SEPARATOR: Final = r"\\?['\"]?\s*(?:[=:]|%(?:25)?3D)\s*(?:[\[(]\s*)?(?:b?\\?['\"]|\\)?"
_BETWEEN: Final = r"(?:\\?['\"]\s*,\s*b?\\?['\"]|>\s*)"

# What shows by its form that it is a secret, known or not: of an address its `user:password@`, what stands after a
# telling name in JSON, in a query (encoded once more, perhaps), in a repr or, if it has a digit, in a pair or in XML,
# what an Authorization header holds, and our own keys. A `code` in a query may be good for tokens; elsewhere it is
# mostly that of an error.
# A platform may say anything: no form may begin at many places and look far ahead from each.
_TELLING: Final = (
    (re.compile(r"(?<=://)[^\s/@:]*:[^\s/]*@"), f"{HIDDEN}@"),
    (re.compile(r"(?<=password=)('(?:[^'\\]|\\.)*'|[^\s&'\"]+)", re.IGNORECASE), HIDDEN),
    (re.compile(r"(password\\?['\"]\s*:\s*\\?['\"])[^'\"\\]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(?<=[?&]code=)[^\s&'\"]{8,}"), HIDDEN),
    (re.compile(rf"({_NAME}{_SEPARATOR})[^\s'\"\\&,;)}}\]]{{8,}}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"({_NAME}{_BETWEEN})(?=[^\s'\"<>]*\d)[^\s'\"<>\\]{{8,}}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\b(Bearer|Basic|OAuth)\s+(?=\S*\d)[\w\-.~+/|]{8,}=*", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\bansel_[0-9a-f]{32}_[\w-]{43}"), f"ansel_{HIDDEN}"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownSecrets:
    """Secrets that are looked for again and again: all, or those that somebody still holds, and the last `most` beside
    them. Adding one costs next to nothing, since a platform's call does: each is spelt once, when a text is looked
    through for the first time after that.

    A text is looked through once, however many there are: a spelling is known by its first SHORTEST characters. Any
    thread may look while another adds: what is looked at are tuples, which are replaced and never changed.
    """

    most: int | None = None
    waiting: deque[Secret] = field(init=False, repr=False)
    held: WeakValueDictionary[int, Secret] = field(default_factory=WeakValueDictionary, init=False, repr=False)
    spelt: OrderedDict[str, frozenset[str]] = field(default_factory=OrderedDict, init=False, repr=False)
    by_start: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False, repr=False)
    adding: AbstractContextManager[bool] = field(default_factory=RLock, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "waiting", deque(maxlen=self.most))

    @classmethod
    def of(cls, secrets: Iterable[Secret]) -> "KnownSecrets":
        """All of these, for good."""
        known = cls()
        known.add(secrets)
        return known

    def add(self, secrets: Iterable[Secret]) -> None:
        given = tuple(secrets)
        self.waiting.extend(given)
        if self.most is not None:
            for each in given:
                self.held[id(each)] = each

    def found_in(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a spelling begins and ends."""
        self._spell()
        for begin in range(len(text) - SHORTEST + 1):
            spellings = self.by_start.get(text[begin : begin + SHORTEST])
            if spellings is not None and text.startswith(spellings, begin):
                yield begin, begin + max(len(each) for each in spellings if text.startswith(each, begin))

    def are_in(self, text: str) -> bool:
        """Whether any of them is. Of a long text that is known much sooner than where, if they are few."""
        self._spell()
        return any(each in text for spellings in tuple(self.spelt.values()) for each in spellings)

    def _spell(self) -> None:
        """Those that were added since the last time, and as the newest those that are held: many more may have been
        added meanwhile. Others may add at any moment.
        """
        with self.adding:
            if not self.waiting:
                return
            with suppress(IndexError):
                while True:
                    self._add(str(self.waiting.popleft().reveal()))
            texts = (str(each.reveal()) for ref in self.held.valuerefs() if (each := ref()) is not None)
            held = dict.fromkeys(text for text in texts if len(text) >= SHORTEST)
            for text in held:
                self._add(text)
            while self.most is not None and len(self.spelt) - len(held) > self.most:
                self._drop_oldest()

    def _add(self, text: str) -> None:
        if text in self.spelt:
            self.spelt.move_to_end(text)
        elif len(text) >= SHORTEST:
            self.spelt[text] = frozenset(_spellings(text))
            for each in self.spelt[text]:
                self.by_start[each[:SHORTEST]] = (*self.by_start.get(each[:SHORTEST], ()), each)

    def _drop_oldest(self) -> None:
        _, spellings = self.spelt.popitem(last=False)
        for each in spellings:
            start = each[:SHORTEST]
            others = self.by_start[start]
            place = others.index(each)  # mostly the first one
            self.by_start[start] = others[:place] + others[place + 1 :]
            if not self.by_start[start]:
                del self.by_start[start]


def scrubbed(text: str, secrets: Iterable[Secret]) -> str:
    """The text with *** in the place of these secrets, in any usual spelling, and of what looks like one."""
    return blotted(text, KnownSecrets.of(secrets))


def blotted(text: str, *known: KnownSecrets) -> str:
    """The same for secrets that are kept to be looked for often. Where two overlap, one *** stands for both."""
    is_cut = len(text) > MOST_READ
    text = text[:MOST_READ]
    parts, done = [], 0
    for begin, end in sorted(place for each in known for place in each.found_in(text)):
        if begin >= done:
            parts += [text[done:begin], HIDDEN]
        done = max(done, end)
    text = "".join((*parts, text[done:]))
    for form, hidden in _TELLING:
        text = form.sub(hidden, text)
    return f"{text[:-_BORDER]}..." if is_cut else text


def _spellings(secret: str) -> Iterator[str]:
    """As it is, and as in a URL (or in one within another), in JSON, in a repr, in HTML, as hex and as base64."""
    data = secret.encode("utf-8", "replace")  # half of a surrogate pair has no spelling in a URL
    yield secret
    if not _PLAIN.fullmatch(secret):
        in_json = json.dumps(secret)[1:-1]
        yield from (in_json, in_json.replace("/", "\\/"), repr(secret)[1:-1], escape(secret))
        yield escape(secret).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")  # as Jinja does
        once = (quote(data, safe=""), quote(data), quote_plus(data))
        for in_url in (*once, *map(quote, once)):
            yield in_url
            yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), in_url)
    yield "\\u" + secret.encode("utf-16-be", "surrogatepass").hex(" ", 2).replace(" ", "\\u")
    yield from (data.hex(), data.hex().upper(), data.hex(" "))
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

"""Requests that nobody would think of, and those that a client might send, for `test_any_request`."""

import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import urlencode

from hypothesis import strategies as some
from hypothesis.strategies import SearchStrategy

from tests.integration.http.asking import KEY

HOST = (b"host", b"localhost")

CONNECTION = "refreshToken accountId tokenExpiresAt scopes"
SCHEDULE = "cron timezone catchUp"

CALLS = {  # the fields that a call knows: those before the bar are always given
    "GET /api/connections": "|",
    "POST /api/connections": f"platform accessToken | {CONNECTION}",
    "GET /api/connections/{}": "|",
    "PUT /api/connections/{}": f"| accessToken {CONNECTION}",
    "DELETE /api/connections/{}": "|",
    "POST /api/connections/{}/test": "|",
    "POST /api/sync/{}": "| frequency",
    "PUT /api/sync/{}/schedule": f"frequency | {SCHEDULE} enabled",
    "GET /api/sync/{}/explain": "|",
    "GET /api/sync/status": "|",
    "GET /api/sync/log": "| platform outcome trigger since until limit cursor",
    "GET /api/sync/jobs/{}": "|",
    "DELETE /api/sync/jobs/{}": "|",
    "GET /api/metrics/overview": "| from to",
    "GET /api/metrics/{}": "| from to",
    "GET /api/platforms": "|",
    "GET /healthz": "|",
    "GET /readyz": "|",
    "GET /metrics": "|",
    "GET /": "|",
    "GET /connections": "| done",
    "GET /connections/{}/connect": "|",
    "POST /connections/{}/connect": f"accessToken | {CONNECTION}",
    "POST /connections/{}/test": "|",
    "POST /connections/{}/refresh": "|",
    "GET /connections/{}/remove": "|",
    "POST /connections/{}/remove": "|",
    "GET /sync": "| platform outcome trigger cursor done",
    "GET /sync/{}/explain": "|",
    "POST /sync/{}/{}/run": "|",
    "POST /sync/{}/{}/pause": "|",
    "POST /sync/{}/{}/resume": "|",
    "GET /sync/{}/{}/schedule": "|",
    "POST /sync/{}/{}/schedule": f"{SCHEDULE} |",
    "GET /sign-in": "| next done",
    "POST /sign-in": "apiKey | next",
    "GET /sign-in/{}": "|",
    "POST /sign-in/{}": "|",
    "POST /sign-out": "|",
    "GET /static/{}": "| v",
}
PLATFORMS = ["google", "meta", "pinterest", "tiktok"]
FREQUENCIES = ["hourly", "daily", "weekly"]
WORDS: Mapping[str, Sequence[object]] = {
    "platform": PLATFORMS,
    "accessToken": ["token", "bad token"],
    "refreshToken": ["token", "bad token"],
    "accountId": ["studio-7"],
    "tokenExpiresAt": ["2026-05-20T12:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-05-20"],
    "scopes": [["read"], "read, write"],
    "frequency": FREQUENCIES,
    "cron": ["30 6 * * *", "*/5 * * * *", "0 0 30 2 *", "H * * * *", "60 * * * *"],
    "timezone": ["UTC", "Europe/Berlin", "Mars/Base", "/etc/passwd"],
    "enabled": [True, "true"],
    "catchUp": ["latest", "all", "skip"],
    "outcome": ["succeeded", "api_error"],
    "trigger": ["manual", "api"],
    "since": ["2026-05-20T12:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"],
    "until": ["2026-05-20T12:00:00Z"],
    "limit": ["1", "200", "201", "-1", "5e1"],
    "cursor": ["MQ", "Mg", "====", "é"],
    "from": ["2026-05-20", "0001-01-01", "9999-12-31"],
    "to": ["2026-05-20", "0001-01-01", "9999-12-31"],
    "done": ["connected", "out"],
    "next": ["/sync", "//evil.example", "/a\r\nb: c"],
    "apiKey": ["wrong", KEY.reveal()],
    "v": ["1"],
}
JSON, FORM = b"application/json", b"application/x-www-form-urlencoded"


class Who(Enum):
    """Who sends it: by a key at the API, and by a session at the pages where they have one."""

    KNOWN = auto()  # the key of the settings; a form has the token of its session
    LOST = auto()  # the same, and the token is lost
    WRITER = auto()
    READER = auto()
    NEIGHBOUR = auto()  # a key of another studio, with every scope
    EXPIRED = auto()
    REVOKED = auto()
    WRONG = auto()
    NOBODY = auto()


SIGNED_IN = frozenset({Who.KNOWN, Who.LOST})
STRANGERS = frozenset({Who.EXPIRED, Who.REVOKED, Who.WRONG, Who.NOBODY})
MAY_CHANGE = frozenset({Who.KNOWN, Who.LOST, Who.WRITER})  # the studio `default`


@dataclass(frozen=True, slots=True)
class Sent:
    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    chunks: list[bytes]
    who: Who


DICE = some.integers(0, 9)
texts = some.text(max_size=20)
values = some.recursive(
    some.one_of(some.none(), some.booleans(), some.integers(), some.floats(), texts),
    lambda inner: some.one_of(some.lists(inner, max_size=4), some.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
senders = some.one_of(some.just(Who.KNOWN), some.sampled_from(Who))
header_values = some.one_of(
    some.sampled_from([b"", b"same-origin", b"cross-site", b"null", b"http://localhost", b"1", b"chunked", b"\xff"]),
    some.text(string.printable, max_size=40).map(lambda text: text.encode("latin-1")),
    some.binary(max_size=20),
)
odd_headers = some.lists(
    some.one_of(
        some.sampled_from(
            [
                (b"idempotency-key", b"the-same"),
                (b"x-forwarded-for", b"6.6.6.6, unknown"),
                (b"x-forwarded-proto", b"https"),
                (b"cookie", b"anselai-80=1.a.link.1.1.x; anselai-80"),
                (b"accept", b"application/openmetrics-text;q=nonsense, */*"),
                (b"expect", b"100-continue"),
                (b"x-http-method-override", b"DELETE"),
                (b"access-control-request-method", b"PUT"),
            ]
        ),
        some.tuples(
            some.sampled_from(
                [
                    *(b"x-request-id", b"content-length", b"transfer-encoding", b"if-none-match", b"sec-fetch-site"),
                    *(b"origin", b"idempotency-key", b"cookie", b"host", b"x-forwarded-for", b"range"),
                ]
            ),
            header_values,
        ),
    ),
    max_size=2,
)


def mostly(words: Sequence[object], others: SearchStrategy[object]) -> SearchStrategy[object]:
    """Six times of ten the first, which is valid. (`one_of` gives each of its own the same chance.)"""
    return DICE.flatmap(
        lambda dice: some.just(words[0]) if dice < 6 else some.sampled_from(words) if dice < 9 else others
    )


platforms = DICE.flatmap(lambda dice: some.sampled_from(PLATFORMS) if dice < 9 else some.text(min_size=1, max_size=10))


def fields_of(names: str, others: SearchStrategy[object]) -> SearchStrategy[dict[str, object]]:
    """The fields of a call, mostly with values that fit them, and now and then one that it does not know."""
    given = {name: mostly(words, others) for name, words in WORDS.items()} | {"platform": platforms}
    needed, optional = ({name: given[name] for name in part.split()} for part in names.split("|"))
    known = some.fixed_dictionaries(needed, optional=optional)
    return some.one_of(some.fixed_dictionaries(needed), known, known.map(lambda fields: fields | {"colour": "red"}))


def called(call: str, names: str) -> SearchStrategy[Sent]:
    """A request as a client might send it: the right method and type, and fields that are often right."""
    method, pattern = call.split()
    is_api = pattern.startswith("/api/")

    def sent(
        platform: object, other: object, fields: dict[str, object], odd: list[tuple[bytes, bytes]], who: Who
    ) -> Sent:
        form = urlencode(fields, errors="replace").encode()
        body = b"" if method == "GET" else json.dumps(fields).encode() if is_api else form
        query = form if method == "GET" else b""
        headers = [(b"content-type", JSON if is_api else FORM), *odd]
        return Sent(method, pattern.format(platform, other), query, headers, [body], who)

    return some.builds(
        sent,
        platforms,
        mostly(FREQUENCIES, some.text(min_size=1, max_size=10)),
        fields_of(names, texts if method == "GET" or not is_api else values),
        some.one_of(some.just([]), odd_headers),
        senders,
    )


often = [each for each in CALLS.items() for _ in range(1 if each[0].startswith("GET") else 3)]
likely = some.sampled_from(often).flatmap(lambda each: called(*each))
wild = some.builds(
    lambda method, path, query, kind, odd, body, cut, who: Sent(
        method, path, query, [*kind, *odd], [body[:cut], body[cut:]], who
    ),
    some.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]),
    some.one_of(
        some.text(max_size=40).map("/{}".format),
        some.text(max_size=40).map("/api/{}".format),
        some.text(max_size=10),
        some.builds(lambda call, text: call.split()[1].format(text, text), some.sampled_from(list(CALLS)), texts),
    ),
    some.binary(max_size=60),
    some.sampled_from([[], [(b"content-type", JSON)], [(b"content-type", FORM)], [(b"content-type", b"\xff/;=")]]),
    odd_headers,
    some.one_of(some.binary(max_size=80), values.map(lambda value: json.dumps(value).encode())),
    some.integers(0, 10),
    senders,
)
any_request = DICE.flatmap(lambda dice: likely if dice < 7 else wild)

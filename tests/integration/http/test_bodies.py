"""What a body must be, for every call that takes one."""

import json

import httpx
import pytest
from starlette.applications import Starlette

from tests.integration.http.asking import JSON, ask, connect, refusal

CANARY = "canary-4711.token"
CALLS = [
    ("POST", "/api/connections"),
    ("PUT", "/api/connections/google"),
    ("DELETE", "/api/connections/google"),
    ("POST", "/api/connections/google/test"),
    ("POST", "/api/sync/google"),
    ("PUT", "/api/sync/google/schedule"),
]
MEBIBYTE = 1024 * 1024


async def send(client: httpx.AsyncClient, method: str, path: str, body: bytes | str, **headers: str) -> httpx.Response:
    return await client.request(method, path, content=body, headers={"content-type": "application/json", **headers})


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"platform": "google",}',
        b"{'platform': 'google'}",
        b'{"platform": NaN}',
        b'{"platform": -Infinity}',
        b'{"platform": "\xff"}',
        b'{"platform": "\x00"}',
        b'\xef\xbb\xbf{"platform": "google"}',
        b'{"platform": "google", "platform": "meta"}',
        b'{"platform": {"a": 1, "a": 1}}',
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"platform": ' + b"9" * 5000 + b"}",
        b"{} {}",
        "{}".encode("utf-16"),
        b"\x0b",
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_malformed_json_is_refused(client: httpx.AsyncClient, method: str, path: str, body: bytes) -> None:
    await connect(client)
    response = await send(client, method, path, body)
    assert refusal(response) == (400, "MALFORMED_JSON")
    assert len(response.text) < 300


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("body", ["null", "[]", '["platform"]', '"platform"', "7", "true"])
async def test_json_that_is_no_object_is_refused(client: httpx.AsyncClient, method: str, path: str, body: str) -> None:
    await connect(client)
    response = await send(client, method, path, body)
    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert response.json()["details"] == [{"path": "", "message": "The body must be a JSON object."}]


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_an_unknown_field_is_named(client: httpx.AsyncClient, method: str, path: str) -> None:
    await connect(client)
    response = await send(client, method, path, '{"colour": "red"}')
    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert {"path": "colour", "message": "is not known here"} in response.json()["details"]


@pytest.mark.parametrize("name", ["x" * 65, "\ud800", "\x00", "new\nline"])
async def test_an_unknown_field_that_cannot_be_repeated_is_not(client: httpx.AsyncClient, name: str) -> None:
    response = await send(client, "PUT", "/api/connections/google", json.dumps({name: 1}))
    assert response.json()["details"] == [{"path": "", "message": "One of the names is not known here."}]


async def test_everything_that_is_wrong_is_told_at_once_and_no_value_is_repeated(client: httpx.AsyncClient) -> None:
    body = {
        "accessToken": {"token": CANARY},
        "refreshToken": [CANARY],
        "accountId": 7,
        "tokenExpiresAt": CANARY,
        "scopes": ["read", 1, None, {"scope": CANARY}],
        "extra": CANARY,
    }
    response = await client.post("/api/connections", json=body)
    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert response.json()["details"] == [
        {"path": "platform", "message": "is missing"},
        {"path": "accessToken", "message": "must be text"},
        {"path": "refreshToken", "message": "must be text"},
        {"path": "accountId", "message": "must be text"},
        {"path": "tokenExpiresAt", "message": "must be a time with its zone, for example 2026-01-31T12:00:00Z"},
        {"path": "scopes[1]", "message": "must be text"},
        {"path": "scopes[2]", "message": "must be text"},
        {"path": "scopes[3]", "message": "must be text"},
        {"path": "extra", "message": "is not known here"},
    ]
    assert CANARY not in response.text


async def test_not_more_problems_are_told_than_somebody_reads(client: httpx.AsyncClient) -> None:
    for body in ({f"field{n}": n for n in range(50_000)}, {"accessToken": "token", "scopes": list(range(50_000))}):
        response = await client.put("/api/connections/google", json=body)
        assert refusal(response) == (422, "VALIDATION_ERROR")
        assert len(response.json()["details"]) == 100
        assert response.json()["error"].endswith("; and more.")


async def test_the_rules_of_the_fields_are_told_by_their_json_names(client: httpx.AsyncClient) -> None:
    body = {
        "platform": "google",
        "accessToken": "",
        "refreshToken": "line\nbreak",
        "accountId": "\x00",
        "scopes": ["read", ""],
    }
    response = await client.post("/api/connections", json=body)
    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert [each["path"] for each in response.json()["details"]] == [
        "accessToken",
        "refreshToken",
        "accountId",
        "scopes[1]",
    ]


@pytest.mark.parametrize("text", ["\ud800", "\x00", "a\x00b", "\u202e", "x" * 10_000])
@pytest.mark.parametrize("field", ["accessToken", "refreshToken", "accountId"])
async def test_a_text_that_cannot_be_kept_is_refused(client: httpx.AsyncClient, field: str, text: str) -> None:
    body = {"platform": "google", "accessToken": "token", field: text}
    response = await send(client, "POST", "/api/connections", json.dumps(body))
    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert [each["path"] for each in response.json()["details"]] == [field]
    assert text not in response.text


@pytest.mark.parametrize(
    "expiry",
    [
        "2026-05-20",
        "2026-05-20T12:00:00",
        "2026-02-30T12:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "1969-12-31T23:59:59Z",
        "",
        1779278400,
        True,
        [],
    ],
)
async def test_an_expiry_must_be_an_instant(client: httpx.AsyncClient, expiry: object) -> None:
    body = {"platform": "google", "accessToken": "token", "tokenExpiresAt": expiry}
    response = await client.post("/api/connections", json=body)
    assert refusal(response) == (422, "VALIDATION_ERROR")
    assert [each["path"] for each in response.json()["details"]] == ["tokenExpiresAt"]


@pytest.mark.parametrize("field", ["accessToken", "scopes"])
async def test_what_a_connection_must_have_cannot_be_taken_away(client: httpx.AsyncClient, field: str) -> None:
    await connect(client)
    response = await client.put("/api/connections/google", json={field: None})
    assert [each["path"] for each in response.json()["details"]] == [field]


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json; charset=latin-1",
        "application/json; profile=x",
        "json",
    ],
)
async def test_a_body_that_is_not_said_to_be_json_is_refused(
    client: httpx.AsyncClient, method: str, path: str, content_type: str
) -> None:
    response = await client.request(method, path, content=b"{}", headers={"content-type": content_type})
    assert refusal(response) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json;charset=UTF-8", 'application/json; charset="utf-8"'],
)
async def test_json_may_be_said_in_several_ways(client: httpx.AsyncClient, content_type: str) -> None:
    body = b'{"platform": "google", "accessToken": "token"}'
    response = await client.post("/api/connections", content=body, headers={"content-type": content_type})
    assert response.status_code == 201


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    ("length", "more", "chunks_read"),
    [(100 * MEBIBYTE, [], 0), (MEBIBYTE + 1, [(b"expect", b"100-continue")], 0), (MEBIBYTE + 1, [], 1)],
)
async def test_a_body_that_is_declared_too_large_is_refused(
    app: Starlette, method: str, path: str, length: int, more: list[tuple[bytes, bytes]], chunks_read: int
) -> None:
    headers = [*JSON, *more, (b"content-length", str(length).encode())]
    reply = await ask(app, method, path, headers=headers, chunks=[b"{}"])
    assert (reply.status, json.loads(reply.body)["code"]) == (413, "BODY_TOO_LARGE")
    assert reply.chunks_read == chunks_read


@pytest.mark.parametrize(("chunks", "chunks_read"), [(3, 3), (1000, 17)])
async def test_a_body_that_turns_out_too_large_is_refused_while_it_is_read(
    app: Starlette, chunks: int, chunks_read: int
) -> None:
    chunk = b" " * (MEBIBYTE // 2)
    reply = await ask(app, "POST", "/api/connections", chunks=[chunk] * chunks)
    assert (reply.status, json.loads(reply.body)["code"]) == (413, "BODY_TOO_LARGE")
    assert reply.chunks_read == chunks_read


async def test_a_body_may_have_a_mebibyte(app: Starlette) -> None:
    body = b'{"platform": "google", "accessToken": "token"}'
    padding = b" " * (MEBIBYTE - len(body))
    reply = await ask(app, "POST", "/api/connections", chunks=[body[:10], body[10:], padding])
    assert reply.status == 201


@pytest.mark.parametrize("length", [b"-1", b"abc", b"9" * 5000, b"\xb2", b"0000000000000002"])
async def test_an_odd_length_is_no_error_of_ours(app: Starlette, length: bytes) -> None:
    reply = await ask(app, "PUT", "/api/connections/google", headers=[*JSON, (b"content-length", length)])
    assert reply.status in (404, 413)


async def test_a_caller_that_goes_away_is_answered_nothing(app: Starlette) -> None:
    reply = await ask(app, "POST", "/api/connections", chunks=[])
    assert (reply.status, reply.body) == (0, b"")

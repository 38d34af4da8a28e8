"""The search for canaries finds them: otherwise it would be quiet for the wrong reason."""

import base64
import html
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from markupsafe import escape

from tests.canaries import ACCESS, CLIENT_SECRET, PASSWORD, Heard, listen

DERIVED = bytes(range(7, 250, 8))


@pytest.mark.parametrize("secret", [ACCESS, PASSWORD, CLIENT_SECRET])
@pytest.mark.parametrize("before", ["", "x", "xy", "user:"])
def test_a_canary_is_heard_in_every_spelling(secret: str, before: str) -> None:
    whole = f"{before}{secret}!"
    for said in (
        whole,
        quote(whole, safe=""),
        quote_plus(whole),
        urlencode({"token": whole}),
        quote(quote(whole, safe=""), safe=""),
        json.dumps({"token": whole}),
        json.dumps(whole).replace("/", "\\/"),
        "".join(f"\\u{ord(each):04x}" for each in whole),
        repr([whole]),
        html.escape(whole),
        str(escape(whole)),
        whole.encode().hex(),
        whole.encode().hex().upper(),
        base64.b64encode(whole.encode()).decode(),
        base64.urlsafe_b64encode(whole.encode()).decode(),
        f"…{secret[:14]}…",
        f"…{secret[-13:]}",
    ):
        with pytest.raises(Heard, match=r"^a log tells the token"):
            listen({"a log": f"10:00 ERROR {said} and more"}, {"the token": secret})


@pytest.mark.parametrize("said", [repr(DERIVED), DERIVED.hex(), base64.b64encode(b"." + DERIVED).decode(), DERIVED])
def test_so_is_one_of_bytes(said: str | bytes) -> None:
    with pytest.raises(Heard):
        listen({"a log": said}, {"the key": DERIVED})


def test_who_hears_one_does_not_repeat_it_and_silence_is_silence() -> None:
    listen({"a log": "nothing"}, {"the token": ACCESS})
    with pytest.raises(Heard) as heard:
        listen({"a log": ACCESS}, {"the token": ACCESS})
    assert ACCESS[:12] not in str(heard.value)

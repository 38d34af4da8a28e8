"""What drivers and clients say is kept without the secrets in it."""

import base64
import json
import re
from urllib.parse import quote, quote_plus

import pytest

from anselai.domain.confided import confided
from anselai.domain.connection import Credentials
from anselai.domain.ports.platform_client import PlatformConfig
from anselai.domain.scrubbing import scrubbed
from anselai.domain.secret import Secret
from tests.canaries import ACCESS, CLIENT_SECRET, PASSWORD, listen


@pytest.mark.parametrize("secret", [ACCESS, PASSWORD, CLIENT_SECRET])
@pytest.mark.parametrize("before", ["", "x", "xy", "client:"])
def test_a_secret_is_blotted_out_in_every_usual_spelling(secret: str, before: str) -> None:
    whole = f"{before}{secret}"
    for said in (
        whole,
        f"{whole!r}",
        quote(whole, safe=""),
        quote_plus(whole),
        json.dumps(whole),
        json.dumps(whole).replace("/", "\\/"),
        whole.encode().hex(),
        base64.b64encode(whole.encode()).decode(),
        base64.urlsafe_b64encode(whole.encode()).decode(),
    ):
        told = scrubbed(f"The answer was: {said} (401)", [Secret(secret)])
        listen({"it": told}, {"the secret": secret})
        assert "***" in told
        assert told.startswith("The answer was:")
        assert told.endswith(" (401)")


@pytest.mark.parametrize(
    "said",
    [
        f'{{"access_token": "{ACCESS}", "expires_in": 3599}}',
        f"{{'refresh_token': '{ACCESS}'}}",
        f'{{\\"accessToken\\": \\"{ACCESS}\\"}}',
        f"GET https://graph.example/me?access_token={ACCESS}&fields=id",
        f"fb_exchange_token={ACCESS}",
        f"client_secret={ACCESS}",
        f"ENCRYPTION_KEY={ACCESS}",
        f"{{'Authorization': 'Bearer {ACCESS}'}}",
        f"authorization: basic {base64.b64encode(ACCESS.encode()).decode()}",
        f"ansel_{'0a' * 16}_{re.sub('[^A-Za-z0-9]', '_', ACCESS):x<43.43}",
        f"postgresql://studio:{ACCESS.replace('/', '')}@db.example/anselai",
        f"password='{ACCESS}'",
    ],
)
def test_so_is_one_that_nobody_knows_but_its_form_tells(said: str) -> None:
    told = scrubbed(said, [])
    listen({"it": told}, {"the token": "tOken~0123456789-Qz"})
    assert "***" in told


@pytest.mark.parametrize(
    "said",
    [
        "accessToken: must be text; refreshToken: must not be empty",
        "Add the missing keys to ENCRYPTION_KEYS_OLD.",
        "As the header Authorization: Bearer <key>",
        "Bearer authentication is asked for",
        "12:30 at https://example.com/a:b@c",
    ],
)
def test_what_is_no_secret_stays(said: str) -> None:
    assert scrubbed(said, [Secret("no"), Secret("")]) == said


def test_what_a_client_was_told_is_known_for_a_while_and_its_settings_for_good() -> None:
    PlatformConfig(platform="flickr", values={"FLICKR_APP": Secret(CLIENT_SECRET)})
    Credentials(access_token=Secret(ACCESS), refresh_token="not even a Secret")  # type: ignore[arg-type]
    assert {Secret(CLIENT_SECRET), Secret(ACCESS), Secret("not even a Secret")} <= confided()
    for number in range(1000):
        Credentials(access_token=Secret(f"{number}"))
    assert Secret(ACCESS) not in confided()
    assert {Secret(CLIENT_SECRET), Secret("999")} <= confided()

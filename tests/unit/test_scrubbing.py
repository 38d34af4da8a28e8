"""What drivers and clients say is kept without the secrets in it."""

import base64
import json
import re
import time
from urllib.parse import quote, quote_plus

import pytest

from anselai.domain.confided import SETTINGS, TOKENS
from anselai.domain.connection import Credentials
from anselai.domain.ports.platform_client import PlatformConfig
from anselai.domain.scrubbing import HIDDEN, MOST_READ, KnownSecrets, blotted, scrubbed
from anselai.domain.secret import Secret
from tests.canaries import ACCESS, CLIENT_SECRET, PASSWORD, listen, spellings


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


@pytest.mark.parametrize("secret", [ACCESS, PASSWORD, CLIENT_SECRET, "EAAB0123456789xyzXYZ"])
def test_nor_is_one_heard_in_any_spelling_that_is_listened_for(secret: str) -> None:
    whole = [spelt for how, spelt in spellings(secret) if how != "in part" and "base64" not in how]
    assert {scrubbed(each, [Secret(secret)]) for each in whole} == {"***"}


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
        f"sslpassword={ACCESS}",
        f"PGPASSWORD={ACCESS}",
        f'{{"password": "{ACCESS}"}}',
        f"GET /login?next=%2Fme%3Faccess_token%3D{quote(ACCESS)}",
        f"grant_type=authorization_code&code={ACCESS}&state=1",
        f"https://app.example/callback?code={ACCESS}",
        f"client_assertion={ACCESS}",
        f"appsecret_proof={ACCESS}",
        f"Authorization: OAuth {ACCESS}",
        f"{{'access_token': ['{ACCESS}']}}",
        f'{{"access_token": [\n  "{ACCESS}"\n]}}',
        f"{{b'refresh_token': [b'{ACCESS}']}}",
        f"{{'refresh_token': b'{ACCESS}'}}",
        f"[('access_token', '{ACCESS}'), ('expires_in', '3599')]",
        f"[(b'access_token', b'{ACCESS}')]",
        f"<access_token>{ACCESS}</access_token>",
        f"<oauth:accessToken>\n  {ACCESS}\n</oauth:accessToken>",
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
        "OAuth authentication by OAuth 2.0, code=UNAUTHENTICATED, error_code=ANOTHER_ERROR",
        "password authentication failed",
        "The fields 'access_token', 'refresh_token' and ('client_id', 'client_secret', 'grant_type') are needed",
        "{'access_token': [], 'refresh_token': [None], 'id_token': b''}",
        "Nothing stands in <access_token></access_token> or <refresh_token> altogether",
        "12:30 at https://example.com/a:b@c",
    ],
)
def test_what_is_no_secret_stays(said: str) -> None:
    assert scrubbed(said, [Secret("no"), Secret("")]) == said


@pytest.mark.parametrize(
    ("start", "again"),
    [
        ("://", "a:"),
        ("://a:", "@"),
        ("", "://a:b"),
        ('{"at":"x://y",', '"name":"value",'),
        ("password='", "\\'"),
        ("password'", " "),
        ("access_token=", " "),
        ("access_token=[", " "),
        ("", "access_token "),
        ("", "access_token',"),
        ("access_token',", " "),
        ("", "access_token>"),
        ("Bearer ", "a"),
        ("", "Bearer "),
    ],
)
def test_a_text_that_is_made_to_take_long_does_not(start: str, again: str) -> None:
    said = start + again * (MOST_READ // len(again))
    begun = time.process_time()
    scrubbed(said, [])
    assert time.process_time() - begun < 2, "a tenth of a second, where time grows with the length and not its square"


@pytest.mark.parametrize("secret", [ACCESS, "tOken~0123456789-Qz" * 430])
@pytest.mark.parametrize("before", ["", "postgresql://me:"])
def test_of_a_very_long_text_the_beginning_is_told_without_half_a_secret_where_it_ends(
    secret: str, before: str
) -> None:
    escaped = "".join(f"\\u{ord(each):04x}" for each in secret)
    for spelt in (secret, escaped):
        for kept in range(1, len(spelt), len(spelt) // 5):
            said = f"{before}{spelt}@db ".rjust(MOST_READ + len(spelt) - kept, "-") + "-" * MOST_READ
            told = scrubbed(said, [Secret(secret)])
            assert told == "-" * (len(told) - 3) + "..."
            assert 1000 < len(told) < MOST_READ
    assert scrubbed(secret * 10_000, [Secret(secret)]).replace(HIDDEN, "") == "..."


def test_what_a_client_was_told_is_known_for_a_while_and_its_settings_for_good() -> None:
    PlatformConfig(platform="flickr", values={"FLICKR_APP": Secret(CLIENT_SECRET)})
    Credentials(access_token=Secret(ACCESS), refresh_token="not even a Secret")  # type: ignore[arg-type]
    said = f"{CLIENT_SECRET} {ACCESS} not even a Secret"
    assert blotted(said, SETTINGS, TOKENS) == "*** *** ***"
    for number in range(1000):
        Credentials(access_token=Secret(f"token {number}"))
    assert blotted(said, SETTINGS, TOKENS) == f"*** {ACCESS} not even a Secret"
    assert blotted("token 999", SETTINGS, TOKENS) == "***"


def test_a_token_is_known_as_long_as_its_call_runs_however_many_others_begin_and_end() -> None:
    slow = Credentials(access_token=Secret(ACCESS), refresh_token=Secret(CLIENT_SECRET))
    for number in range(1000):
        Credentials(access_token=Secret(f"token {number}"))
    assert blotted(f"{ACCESS} {CLIENT_SECRET}", TOKENS) == "*** ***", "also when nothing was looked through meanwhile"
    for number in range(1000, 2000):
        Credentials(access_token=Secret(f"token {number}"))
        assert blotted(f"token {number}", TOKENS) == "***"
    assert blotted(ACCESS, TOKENS) == "***"
    del slow
    Credentials(access_token=Secret("the next token"))
    assert blotted(f"{ACCESS}, the next token", TOKENS) == "***, ***", "for a while"
    for number in range(1000):
        Credentials(access_token=Secret(f"token {number}"))
    assert blotted(ACCESS, TOKENS) == ACCESS


def test_more_calls_may_run_than_are_remembered() -> None:
    known = KnownSecrets(most=2)
    running = [Secret(f"token {letter}") for letter in "ABCDE"]
    too_short = Secret("token")
    known.add([too_short, *running])
    assert blotted("token A, token C, token E", known) == "***, ***, ***"
    running.clear()
    known.add([Secret("token F")])
    assert blotted("token A, token D, token E, token F", known) == "token A, token D, ***, ***"


def test_a_secret_is_spelt_once_however_often_it_is_added_and_looked_for() -> None:
    known = KnownSecrets(most=512)
    known.add([Secret("access 0")])
    assert not known.spelt, "who adds one does not pay for it"
    assert blotted("access 0", known) == "***"
    spelt = known.spelt["access 0"]
    for number in range(1, 256):
        known.add([Secret(f"access {number}"), Secret(f"refresh {number}")])
        known.add([Secret("access 0")])
        assert blotted(f"access {number // 2}, refresh {number}.", known) == "***, ***."
    assert known.spelt["access 0"] is spelt
    assert sum(map(len, known.by_start.values())) == sum(map(len, known.spelt.values()))


def test_of_more_secrets_than_are_kept_the_ones_added_the_longest_ago_leave_nothing_behind() -> None:
    known = KnownSecrets(most=2)
    known.add([Secret("token A"), Secret("token B"), Secret("token A"), Secret("token C")])
    assert blotted("token A, token B, token C", known) == "***, token B, ***"
    known.add([Secret("another"), Secret("and one more")])
    assert blotted("token A, token B, token C", known) == "token A, token B, token C"
    assert {each for group in known.by_start.values() for each in group} == set().union(*known.spelt.values())


def test_where_secrets_overlap_nothing_of_either_is_left() -> None:
    known = [KnownSecrets.of(map(Secret, each)) for each in (["123456", "123456|secret"], ["secret-of-another"])]
    assert blotted("<123456|secret-of-another> 123456 123456|secret", *known) == "<***> *** ***"
    assert blotted("123456123456", *known) == "******"
    assert blotted("abc123456xyz.", KnownSecrets.of([Secret("abc123456xyz")]), *known) == "***."

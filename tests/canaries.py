"""Secrets that are known, and the search for them in everything that is said, in whatever spelling.

Independent of what blots secrets out: the spellings here are written down a second time, and there are more of them.
"""

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from urllib.parse import quote

PIECE = 12  # characters: so much of a secret is a leak, too

ACCESS = "ya29.cAnary/access+tOken~0123456789-Qz|7=="
REFRESH = "1//0cAnary-refrEsh+tokEn/9876543210_Wx~5"
REPLACED = "ya29.rEplaced/cAnary+55443322-Kp~8=="
ENCRYPTION_KEY = "c4N9rY/pR1m+kEy7Tz2Wq8Lm5Xv0Jb3HgDs6Fa1Ue4s="
OLD_KEY = "0lDc4N9rY+kEy/Rt6Yp3Nw8Ek5Ms2Vg7Zh1Bj4Qx9Cd="
API_KEY = "cAnary-api-kEy-5c2e9b7d1f408a63Pq~Zx"
PASSWORD = "cAn4ry dAtabase/pa:ss@word?9f3b#Lk"
CLIENT_SECRET = "cAnary-cliEnt-secr3t&71Yh<Mn>55"
MISTYPED = "cAnary-mistypEd-tokEn-8d1f6b2a-Gt"


class Heard(AssertionError):
    """A canary was heard where it must not be."""


def listen(said: Mapping[str, str | bytes], canaries: Mapping[str, str | bytes]) -> None:
    """Raises Heard, naming the canary and the place and quoting neither."""
    assert all(len(each) >= PIECE for each in canaries.values()), "a canary is too short to be told from chance"
    texts = {where: text.decode("latin-1") if isinstance(text, bytes) else text for where, text in said.items()}
    heard = [
        f"{where} tells {name}, {how}"
        for name, secret in canaries.items()
        for how, spelling in spellings(secret)
        for where, text in texts.items()
        if spelling in text
    ]
    if heard:
        raise Heard("\n".join(heard[:10]))


def spellings(secret: str | bytes) -> Iterator[tuple[str, str]]:
    """Each way in which a secret may hide in a text, by its name."""
    data = secret.encode() if isinstance(secret, str) else secret
    if isinstance(secret, bytes):
        yield from (("as it is", secret.decode("latin-1")), ("as a repr", repr(secret)[2:-1]))
    else:
        for place in (0, (len(secret) - PIECE) // 2, len(secret) - PIECE):
            yield "in part", secret[place : place + PIECE]
        in_url, in_json = quote(secret, safe=""), json.dumps(secret)[1:-1]
        yield from (("in a URL", in_url), ("in a URL, twice", quote(in_url)), ("in a form", in_url.replace("%20", "+")))
        yield "in a URL, in small letters", re.sub("%..", lambda found: found[0].lower(), in_url)
        yield from (("in JSON", in_json), ("in JSON, with \\/", in_json.replace("/", "\\/")))
        yield "in JSON, all escaped", "".join(f"\\u{ord(each):04x}" for each in secret)
        yield from (("as a repr", repr(secret)[1:-1]), ("in HTML", html.escape(secret)))
        yield "in HTML, by Jinja", html.escape(secret).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    yield from (("in hex", data.hex()), ("in HEX", data.hex().upper()), ("in hex, spaced", data.hex(" ")))
    for before in range(3):
        digits = b64encode(bytes(before) + data).decode().rstrip("=")[4:-4]  # of these no neighbour decides a bit
        yield "in base64", digits
        yield "in base64 for URLs", digits.translate(str.maketrans("+/", "-_"))

"""Which encryption keys there are in a folder of tests, and what needs them."""

from pathlib import Path

import msgspec

from tests.integration.processes import Home

CANARY = "ya29.a-canary-that-must-not-sing"


def connect(home: Home, platform: str = "google", **settings: str) -> None:
    (home.folder / "token.txt").write_text(CANARY)
    home.json("connections", "add", platform, "--access-token-file", "token.txt", **settings)


def rows(home: Home, **settings: str) -> dict[str, tuple[str, int]]:
    """What `keys status` says: role and number of connections for each key."""
    done = home.run("keys", "status", "--json", **settings)
    assert done.code in (0, 1), done.err
    return {each["id"]: (each["role"], each["connections"]) for each in msgspec.json.decode(done.out)}


def primary_of(home: Home) -> str:
    return next(key_id for key_id, (role, _) in rows(home).items() if role == "primary")


def secrets_in(folder: Path) -> list[str]:
    return [line for name in ("encryption.key", "encryption.keys.old") for line in (folder / name).read_text().split()]

"""Rotates the encryption key of very many connections while others read and refresh their tokens.

`make rotation`, or `python -m bench.rotation --rows 10000`. Exits with 1 if a read failed, an update was lost, or a
connection still needs the old key.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from anselai.adapters.crypto.aes_gcm import AesGcmCipher
from anselai.adapters.crypto.keyring import derive_key, derive_ring
from anselai.application.key_rotation import RotationResult
from anselai.application.token_vault import TokenVault
from anselai.container import open_container
from anselai.domain.access import EVERY_STUDIO
from bench.machine import described
from bench.ours.opened import KEY
from bench.ours.token_load import ALONE, BESIDE, NEXT_KEY, PLATFORMS, key_of, settings, tokens_of
from bench.processes import PRODUCT, ROOT
from bench.server import bench_server

ALONE_FOR = 20.0  # seconds
COLUMNS = (
    "id, studio, platform, account_id, access_token, refresh_token, token_expires_at, scopes, status, version,"
    " created_at, updated_at"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was seen. Durations are seconds."""

    rows: int
    checked_in: float
    rotated_in: float
    result: RotationResult
    seen: Mapping[str, float]
    left: Mapping[str, int]

    @property
    def holds(self) -> bool:
        nothing = self.seen["failed reads"] + self.seen["refused refreshes"] + self.seen["lost updates"]
        done = not (nothing or self.result.unreadable or self.result.left)
        return done and self.left == {derive_key(NEXT_KEY).id: self.rows}

    def lines(self) -> Iterator[str]:
        yield f"{self.rows:,} connections with two sealed tokens each"
        yield f"the ring checked against all of them in {self.checked_in:.2f} s"
        yield (
            f"{self.result.resealed:,} sealed anew in {self.rotated_in:.0f} s:"
            f" {2 * self.result.resealed / self.rotated_in:,.0f} tokens/s"
        )
        yield from (
            f"{number:,.4g} {what}" if what in (ALONE, BESIDE) else f"{number:,} {what}"
            for what, number in self.seen.items()
        )
        old, new = derive_key(KEY).id, derive_key(NEXT_KEY).id
        yield f"rows left: {self.left.get(old, 0):,} with the old key, {self.left.get(new, 0):,} with the new one"


def fill(dsn: str, rows: int) -> None:
    """So many connections, really sealed with the old key."""
    vault = TokenVault(cipher=AesGcmCipher(derive_ring(KEY)))
    now = datetime.now(UTC)
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('anselai.studio', %s, false)", [EVERY_STUDIO])
        cursor.execute(
            "INSERT INTO studios (id, name) SELECT 'studio-' || n, 'A studio' FROM generate_series(0, %s) AS n",
            [rows // len(PLATFORMS)],
        )
        with cursor.copy(f"COPY platform_connections ({COLUMNS}) FROM STDIN") as copy:
            for number in range(rows):
                key = key_of(number)
                access, refresh = tokens_of(number)
                copy.write_row(
                    (
                        UUID(int=number + 1),
                        key.studio,
                        key.platform,
                        f"account-{number}",
                        vault.encrypt_token(access, key),
                        vault.encrypt_token(refresh, key, "refresh_token"),
                        now + timedelta(days=30),
                        "{}",
                        "active",
                        1,
                        now,
                        now,
                    )
                )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) platform_connections")


async def rotate(dsn: str, begins: Callable[[], None]) -> tuple[float, float, RotationResult, Mapping[str, int]]:
    async with open_container(settings(dsn)) as ansel:
        began = time.perf_counter()
        await ansel.keys.check()
        begins()
        checked = time.perf_counter()
        result = await ansel.rotation.run(progress=_told())
        rotated = time.perf_counter()
        left = {each.id: each.rows for each in await ansel.keys.status() if each.rows}
        return checked - began, rotated - checked, result, left


def rotate_under_load(dsn: str, rows: int, *, alone: float = 0.2) -> Report:
    """Rotate while a process of its own reads and refreshes, which it first does alone for so many seconds.

    The database is filled already.
    """
    with _loading(dsn, rows, alone) as (seen, begins):
        checked_in, rotated_in, result, left = asyncio.run(rotate(dsn, begins))
    return Report(rows=rows, checked_in=checked_in, rotated_in=rotated_in, result=result, seen=seen, left=left)


@contextmanager
def _loading(dsn: str, rows: int, alone: float) -> Iterator[tuple[dict[str, Any], Callable[[], None]]]:
    """Load for as long as this is open; afterwards what it saw is in the mapping. It has to be told when to count."""
    command = [str(PRODUCT), "-m", "bench.ours.token_load", dsn, "--rows", str(rows)]
    seen: dict[str, Any] = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise SystemExit("the load did not start: see above")
            time.sleep(alone)
            yield seen, lambda: print("the rotation begins", file=process.stdin, flush=True)
            said, _ = process.communicate()
            seen.update(json.loads(said))
        finally:
            process.kill()


def _told() -> Any:
    """Progress on standard error, a line for each hundred thousand."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        if (done + more) // 100_000 > done // 100_000:
            print(f"{done + more:,} sealed anew", file=sys.stderr, flush=True)
        done += more

    return tell


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.rotation", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with bench_server() as server:
        dsn = server.create_migrated("rotation")
        print(f"Sealing {2 * rows:,} tokens", file=sys.stderr, flush=True)
        fill(dsn, rows)
        report = rotate_under_load(dsn, rows, alone=ALONE_FOR)
        print(f"Measured on {described(server.dsn, server.data_dir.parent)}\n")
    print("\n".join(report.lines()))
    raise SystemExit(0 if report.holds else 1)


if __name__ == "__main__":
    main()

"""Saves four connections, and prints the SQL that lists them, for a peer that runs the same, and a key to list them."""

import argparse
import asyncio
import json
from datetime import UTC, datetime, timedelta

from anselai.adapters.postgres.connections import PostgresConnections
from anselai.domain.connection import DEFAULT_STUDIO
from bench.ours.opened import opened
from bench.ours.overheard import Overheard

PLATFORMS = ("google", "meta", "pinterest", "tiktok")


async def save(dsn: str) -> str:
    """The text of a key that may read them."""
    expires_at = datetime.now(UTC) + timedelta(days=30)
    async with opened(dsn) as ansel:
        for platform in PLATFORMS:
            await ansel.connections.save_connection(
                platform,
                account_id=f"{platform}-account-1234567890",
                access_token="an-access-token-".ljust(200, "a"),
                refresh_token="a-refresh-token-".ljust(100, "a"),
                token_expires_at=expires_at,
                scopes=[f"{platform}.readonly", f"{platform}.insights"],
            )
        _, key = await ansel.access.create_key("benchmark", scopes=["read"])
        return key.reveal()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    args = parser.parse_args()
    key = await save(args.dsn)
    overheard = Overheard()
    await PostgresConnections(database=overheard.database).list(DEFAULT_STUDIO)
    print(json.dumps({"sql": overheard.statement, "key": key}))


if __name__ == "__main__":
    asyncio.run(main())

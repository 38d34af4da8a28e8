"""The least that can answer GET /api/connections: one Starlette route, our SQL, psycopg, and the same JSON."""

import argparse
import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.peers.served import serve

STUDIO = "default"


def create_app(pool: AsyncConnectionPool[Any], sql: str) -> Starlette:
    async def connections(_: Request) -> Response:
        async with pool.connection() as connection:
            cursor = await connection.execute(sql, (STUDIO,), binary=True)
            rows = await cursor.fetchall()
        now = datetime.now(UTC)
        body = msgspec.json.encode({"success": True, "data": [shown(row, now) for row in rows]})
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/api/connections", connections)])


def shown(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    expires_at, message = row["token_expires_at"], row["last_error"]
    return {
        "platform": row["platform"],
        "accountId": row["account_id"],
        "status": "expired" if expires_at is not None and expires_at <= now else row["status"],
        "scopes": row["scopes"],
        "tokenExpiresAt": expires_at,
        "hasRefreshToken": row["refresh_token"] is not None,
        "lastSyncAt": row["last_sync_at"],
        "lastError": None if message is None else {"code": row["last_error_code"], "message": message},
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("sql")
    args = parser.parse_args()
    options = {"autocommit": True, "row_factory": dict_row}
    async with AsyncConnectionPool(args.dsn, kwargs=options, min_size=1, max_size=10, open=False) as pool:
        await serve(create_app(pool, args.sql))


if __name__ == "__main__":
    asyncio.run(main())

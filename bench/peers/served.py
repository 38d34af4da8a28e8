"""The peers' uvicorn: one process, asyncio, h11, and no more of uvicorn's extras than `anselai serve` uses."""

import socket
from typing import Any

import uvicorn


async def serve(app: Any) -> None:
    """Serve an ASGI app on a free port of this machine, which is printed first, until SIGTERM."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(listener.getsockname()[1], flush=True)
        await uvicorn.Server(config).serve(sockets=[listener])

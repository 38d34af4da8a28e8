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
    # Told its protocol, asyncio switches Nagle's algorithm off; otherwise every answer waits 40 ms for an ACK.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        print(listener.getsockname()[1], flush=True)
        await uvicorn.Server(config).serve(sockets=[listener])

"""AnselAI's HTTP app, under the server of `anselai serve`, without the scheduler."""

import argparse
import asyncio
import signal

from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http_server import http_server, listen
from bench.ours.opened import opened


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    args = parser.parse_args()
    with listen("127.0.0.1", 0) as listener:
        async with opened(args.dsn) as ansel:
            server = http_server(build_app(ansel, scheduler_runs_here=False))
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.handle_exit, signal.SIGTERM, None)
            print(listener.getsockname()[1], flush=True)
            await server.serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(main())

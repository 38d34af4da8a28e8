"""AnselAI's HTTP app, under the server of `anselai serve`, without the scheduler."""

import argparse
import asyncio
import signal

from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.doors import Doors, Limits
from anselai.entrypoints.http_server import http_server, listen
from bench.ours.opened import opened

AS_FAST_AS_IT_CAN = Limits(requests_of_a_key=10**9, requests_of_a_key_per_second=1e9)  # counted, and never too many


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    args = parser.parse_args()
    with listen("127.0.0.1", 0) as listener:
        async with opened(args.dsn) as ansel:
            app = build_app(ansel, doors=Doors(limits=AS_FAST_AS_IT_CAN), scheduler_runs_here=False)
            server = http_server(app)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.handle_exit, signal.SIGTERM, None)
            print(listener.getsockname()[1], flush=True)
            await server.serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(main())

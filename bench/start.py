"""`anselai serve` on a database that exists: how soon it answers, and how much memory it holds after some requests.

Its embedded database is started and stopped with it, as at every start of a newcomer; the memory is without it.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

from bench.contest import Contest, Contestant, Figures
from bench.daemon import API_KEY
from bench.footprint import resident_megabytes
from bench.processes import ANSELAI, PATIENCE, free_port

PATHS = ("/", "/connections", "/sync", "/api/connections", "/api/sync/status")
REQUESTS = 100
MOST_SECONDS, MOST_MEGABYTES = 2.0, 150.0
POLL = 0.005  # seconds


@contextmanager
def contest() -> Iterator[Contest]:
    with TemporaryDirectory(prefix="anselai-bench-", ignore_cleanup_errors=True) as directory:
        data_dir = Path(directory, "data")
        Path(directory).chmod(0o711)  # as root, PostgreSQL's own account has to pass
        _started_and_stopped(data_dir)  # makes the database
        yield Contest(
            title="anselai serve: start on an existing database",
            contestants=[
                Contestant(
                    name="AnselAI",
                    measure=lambda: _started_and_stopped(data_dir),
                    at_most={"seconds": MOST_SECONDS, "MB": MOST_MEGABYTES},
                )
            ],
        )


def _started_and_stopped(data_dir: Path) -> Figures:
    port = free_port()
    ours = ("DATABASE_URL", "ENCRYPTION_KEY", "ANSELAI_HOST")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"ANSELAI_DATA_DIR": str(data_dir), "ANSELAI_PORT": str(port), "ANSELAI_API_KEY": API_KEY}
    began = time.perf_counter()
    with subprocess.Popen(
        [ANSELAI, "serve"], env=environment, cwd=data_dir.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as serve:
        try:
            _wait_for_an_answer(serve, port)
            seconds = time.perf_counter() - began
            opener = _signed_in(port)
            for number in range(REQUESTS):
                _get(opener, port, PATHS[number % len(PATHS)])
            megabytes = resident_megabytes(serve.pid)
        finally:
            serve.terminate()
            told, _ = serve.communicate(timeout=PATIENCE)
    assert serve.returncode == 0, f"anselai serve ended with {serve.returncode}:\n{told.decode()}"
    return {"seconds": seconds, "MB": megabytes}


def _wait_for_an_answer(serve: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.perf_counter() + PATIENCE
    while serve.poll() is None and time.perf_counter() < until:
        with suppress(URLError):
            _get(build_opener(), port, "/healthz")
            return
        time.sleep(POLL)
    raise SystemExit("anselai serve does not answer")


def _signed_in(port: int) -> OpenerDirector:
    """Somebody who shows the key at the API, and signed in with it for the pages."""
    opener = build_opener(HTTPCookieProcessor())
    found = re.search(r'name="formToken" value="([^"]+)"', _get(opener, port, "/sign-in"))
    form = {"formToken": found[1] if found else "", "apiKey": API_KEY}
    with opener.open(f"http://127.0.0.1:{port}/sign-in", urlencode(form).encode(), timeout=PATIENCE) as response:
        response.read()
    opener.addheaders.append(("Authorization", f"Bearer {API_KEY}"))
    return opener


def _get(opener: OpenerDirector, port: int, path: str) -> str:
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as response:
        text: str = response.read().decode()
        return text

"""`anselai scheduler` as it is, but for a shorter lease and its own number of syncs at once."""

import argparse
from datetime import timedelta
from functools import partial

from anselai.application.running_jobs import WorkerLimits
from anselai.container import open_container
from anselai.entrypoints import daemon
from anselai.entrypoints.logs import set_up_logging
from anselai.entrypoints.scheduler import run_scheduler
from anselai.settings import load_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lease", type=float, required=True, help="seconds")
    parser.add_argument("--concurrency", type=int, required=True)
    args = parser.parse_args()
    limits = WorkerLimits(
        lease=timedelta(seconds=args.lease), concurrency=args.concurrency, stop_grace=timedelta(seconds=5)
    )
    # The daemon has no setting for these; everything else of it stays.
    daemon.open_container = partial(open_container, limits=limits)  # type: ignore[attr-defined]
    settings = load_settings(dotenv=None)
    set_up_logging(settings)
    raise SystemExit(daemon.run_process(run_scheduler(settings, print)))


if __name__ == "__main__":
    main()

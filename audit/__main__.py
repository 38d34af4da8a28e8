"""`make audit`: asks whether a version that is pinned has a known flaw.

The exit code is 0 if every one was looked up and none has a flaw, 1 if one has, and 2 if it could not be found out: a
source that does not answer, or does not know a package, is no good news. `make` itself ends with 2 in both cases, and
prints which it was.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "bench/requirements.lock", "audit/requirements.lock")
SOURCES = ("pypi", "osv")  # of advisories, by the names that pip-audit gives them; the next is asked if one cannot tell
PIP_AUDIT = Path(__file__).parent / ".venv/bin/pip-audit"
FINE, FLAWED, UNKNOWN = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a source said of a lock: `flaws` are sentences, and `unknown` why it could not tell."""

    flaws: Sequence[str] = ()
    unknown: Sequence[str] = field(default_factory=tuple)


def main() -> int:
    codes = [audit(lock) for lock in LOCKS]
    return FLAWED if FLAWED in codes else max(codes)


def audit(lock: str) -> int:
    answer = Answer()
    for source in SOURCES:
        answer = asked(lock, source)
        if answer.flaws or not answer.unknown:
            break
    for flaw in answer.flaws:
        print(f"{lock}: {flaw}")
    if answer.unknown:
        print(f"{lock}: could not be checked. {answer.unknown[0]}")
        if len(answer.unknown) > 1:
            print(f"{lock}: and {len(answer.unknown) - 1} packages more")
    if answer.flaws:
        return FLAWED
    if answer.unknown:
        return UNKNOWN
    print(f"{lock}: no known flaw")
    return FINE


def asked(lock: str, source: str) -> Answer:
    command = [str(PIP_AUDIT), "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    asking = [*command, "--vulnerability-service", source, "--requirement", str(ROOT / lock)]
    try:
        run = subprocess.run(asking, capture_output=True, text=True, check=False)
    except OSError as error:
        return Answer(unknown=[f"pip-audit cannot be run: {error.strerror}."])
    return judged(run.stdout, run.stderr)


def judged(said: str, complained: str) -> Answer:
    """What pip-audit's JSON says. What it skips it could not look up, which it does not count as a failure."""
    try:
        found: list[dict[str, Any]] = json.loads(said)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (complained.strip().splitlines() or ["It said nothing."])[-1]
        return Answer(unknown=[f"No source of advisories answers: {last}"])
    if not found:
        return Answer(unknown=["No package was looked up."])
    flaws = [flaw for each in found for flaw in _flaws(each)]
    return Answer(flaws=flaws, unknown=[str(each["skip_reason"]) for each in found if "skip_reason" in each])


def _flaws(package: dict[str, Any]) -> Iterator[str]:
    for flaw in package.get("vulns", ()):
        mended = ", ".join(flaw.get("fix_versions", ())) or "no version"
        names = ", ".join([flaw["id"], *flaw.get("aliases", ())])
        yield f"{package['name']} {package['version']} has {names}; mended in {mended}"


if __name__ == "__main__":
    sys.exit(main())

"""`make promises`: in a copy of the project, break each promise by one line, and see its test fail."""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = (
    *("src", "tests", "chaos", "refreshes", "bench", "audit", "docs", "pyproject.toml", "README.md", "SECURITY.md"),
    *(".env.example", "requirements.lock", "requirements-dev.lock"),
)
CAUGHT = 1  # pytest's exit code for tests that failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A line of the product, what it is replaced by, and the test that has to notice."""

    promise: str
    file: str
    line: str
    broken: str
    test: str


def main() -> None:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    breaks = [each for each in listed() if each.promise.startswith(wanted)]
    with tempfile.TemporaryDirectory(prefix="anselai-promises-") as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".venv"))
            else:
                shutil.copy(source, copy)
        if passes(copy, *{each.test for each in breaks}) != 0:
            sys.exit("The tests have to pass before anything is broken.")
        unnoticed = [each for each in breaks if not noticed(copy, each)]
    sys.exit(f"{len(unnoticed)} of {len(breaks)} breaks went unnoticed." if unnoticed else None)


def listed() -> list[Break]:
    files = sorted(Path(__file__).parent.glob("*.toml"))
    promises = [each for file in files for each in tomllib.loads(file.read_text())["promises"]]
    return [Break(promise=each["promise"], **one) for each in promises for one in each["breaks"]]


def noticed(copy: Path, each: Break) -> bool:
    path = copy / each.file
    whole = path.read_text()
    if whole.count(each.line) != 1:
        sys.exit(f"{each.file} has {whole.count(each.line)} times {each.line!r}: bring promises/ up to date.")
    path.write_text(whole.replace(each.line, each.broken))
    try:
        caught = passes(copy, each.test) == CAUGHT
    finally:
        path.write_text(whole)
    print("noticed  " if caught else "UNNOTICED", each.promise)
    print(f"    {each.line.strip()}\n    -> {each.broken.strip()}\n    {each.test}", flush=True)
    return caught


def passes(copy: Path, *tests: str) -> int:
    """The exit code of pytest in the copy, whose code stands before the installed one."""
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, check=False).returncode


if __name__ == "__main__":
    main()

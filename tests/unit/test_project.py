"""What the project promises about itself: what it imports, what it pins, and what its files do not say."""

import ast
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "anselai"
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ["requirements.lock", "requirements-dev.lock", "bench/requirements.lock", "audit/requirements.lock"]

PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; .+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)

# Written so that this file is not the one that is found.
REGISTRIES = re.compile(r"py[p]i\.org|pythonhoste[d]\.org|npmj[s]\.(?:com|org)|deb\.debia[n]\.org|yarnpk[g]\.com")
HOMES = re.compile(r"(?<![\w.}])/(?:root|home|Users|work)/")

IMPORT = """
import sys, time
before, start = set(sys.modules), time.process_time()
import anselai
print(time.process_time() - start)
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""


def test_importing_anselai_loads_no_other_package() -> None:
    _, loaded = imported()
    assert loaded - sys.stdlib_module_names == {"anselai"}


def test_importing_anselai_takes_less_than_50_milliseconds() -> None:
    assert min(imported()[0] for _ in range(5)) < 0.05


@pytest.mark.parametrize("layer", ["domain", "application"])
def test_the_centre_imports_the_standard_library_alone(layer: str) -> None:
    found = {(path.name, name) for path in (SOURCE / layer).rglob("*.py") for name in packages_imported_by(path)}
    assert {(path, name) for path, name in found if name not in {"anselai", *sys.stdlib_module_names}} == set()


def test_imports_go_one_way() -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_with_hashes_and_nothing_else(lock: str) -> None:
    rest = PIN.sub("", (ROOT / lock).read_text()).splitlines()
    assert [line for line in rest if not line.lstrip().startswith("#")] == []


def test_everything_asked_for_is_pinned_as_asked() -> None:
    groups = PYPROJECT["dependency-groups"]
    assert not_pinned([*PYPROJECT["project"]["dependencies"], *groups["build"]], "requirements.lock") == []
    assert not_pinned([entry for entry in groups["dev"] if isinstance(entry, str)], "requirements-dev.lock") == []


def test_developers_run_the_versions_that_users_run() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


def test_no_file_names_a_package_registry() -> None:
    assert [(name, found[0]) for name, text in files() if (found := REGISTRIES.search(text))] == []


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    assert [(name, found[0]) for name, text in files() if (found := HOMES.search(text))] == []


def imported() -> tuple[float, set[str]]:
    """How many seconds of a processor an import takes in a new interpreter, and the packages that it loads."""
    run = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    seconds, names = run.stdout.splitlines()
    return float(seconds), set(names.split())


def packages_imported_by(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = chain.from_iterable(node.names for node in nodes if isinstance(node, ast.Import))
    names = [alias.name for alias in plain]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def pins(lock: str) -> dict[str, str]:
    return {name: version for name, version, _ in PIN.findall((ROOT / lock).read_text())}


def not_pinned(asked: list[str], lock: str) -> list[str]:
    pinned = pins(lock)
    requirements = [Requirement(text) for text in asked]
    return [
        str(requirement)
        for requirement in requirements
        if not requirement.specifier.contains(pinned.get(canonicalize_name(requirement.name), "0"))
    ]


def files() -> list[tuple[str, str]]:
    """Every text file that is committed or could be, by its path in the project."""
    # Whoever runs the tests need not be the one who owns the checkout.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [(str(path.relative_to(ROOT)), path.read_text(errors="ignore")) for path in paths if path.is_file()]

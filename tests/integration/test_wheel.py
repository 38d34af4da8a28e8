"""The built wheel works alone: installed into an empty environment, run from an empty folder."""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.integration.processes import patiently

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Empty, and within reach of the account that the embedded server runs as when the tests are root's."""
    with TemporaryDirectory(prefix="anselai-wheel-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(folder / "dist"), str(ROOT)], check=True)
    [built] = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def anselai(folder: Path, wheel: Path) -> Path:
    """The command, installed with the pinned dependencies and nothing of this checkout."""
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    python = str(folder / "env/bin/python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--require-hashes", "-r", str(ROOT / "requirements.lock")], check=True)
    subprocess.run([*install, "--no-deps", str(wheel)], check=True)
    subprocess.run([python, "-m", "pip", "check"], check=True, stdout=subprocess.DEVNULL)
    return folder / "env/bin/anselai"


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return {**kept, "ANSELAI_DATA_DIR": str(folder / "data"), "ANSELAI_PORT": "0"}


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    outside = [name for name in names if not name.startswith(("anselai/", "anselai-"))]
    assert outside == []
    for needed in ("anselai/py.typed", "anselai/migrations/env.py", "/templates/", "/static/"):
        assert any(needed in name for name in names), needed
    strange = [name for name in names if re.search(r"__pycache__|\.pyc$|/tests?/|\.env", name)]
    assert strange == []


def test_an_installed_wheel_serves_and_checks_itself(anselai: Path, environment: dict[str, str], folder: Path) -> None:
    (folder / "elsewhere").mkdir(exist_ok=True)
    serving = subprocess.Popen(
        [anselai, "serve"], cwd=folder / "elsewhere", env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert serving.stdout is not None
        address = next(found[0] for line in serving.stdout if (found := re.findall(r"http://127\.0\.0\.1:\d+", line)))
        for _ in patiently("it never becomes ready"):
            if httpx.get(f"{address}/readyz", trust_env=False).is_success:
                break
        for path in ("/", "/connections", "/sync", "/api/platforms"):
            assert httpx.get(address + path, trust_env=False).status_code == 200
        checked = subprocess.run(
            [anselai, "check"], cwd=folder / "elsewhere", env=environment, capture_output=True, text=True, timeout=60
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
    finally:
        serving.terminate()
        assert serving.wait(30) == 0
        if serving.stdout is not None:
            serving.stdout.close()

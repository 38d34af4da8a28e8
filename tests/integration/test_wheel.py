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

from tests.integration.processes import KEY, patiently, sign_in

ROOT = Path(__file__).parents[2]

# Code, pages with what they need, and what an installer reads: nothing else, and no tests.
BELONGS = re.compile(
    r"anselai/(?!.*\btests?/)(?:[a-z_]+/)*(?:\w+\.py|py\.typed)"
    r"|anselai/migrations/script\.py\.mako"
    r"|anselai/entrypoints/http/dashboard/(?:templates/\w+\.html|static/[\w.-]+\.(?:css|js|svg|png|ico|woff2))"
    r"|anselai-[0-9.]+\.dist-info/(?:METADATA|RECORD|WHEEL|entry_points\.txt)"
)

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
    return {**kept, "ANSELAI_DATA_DIR": str(folder / "data"), "ANSELAI_PORT": "0", "ANSELAI_API_KEY": KEY}


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert strays(names) == []
    for needed in ("anselai/py.typed", "anselai/migrations/env.py", "/templates/", "/static/"):
        assert any(needed in name for name in names), needed


def test_the_wheel_holds_what_is_committed_or_could_be(wheel: Path) -> None:
    listed = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "src/anselai"]
    ours = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("anselai/")}
    assert held == {name.removeprefix("src/") for name in ours if name and (ROOT / name).exists()}


@pytest.mark.parametrize(
    "stray",
    [
        "anselai/.env",
        "anselai/settings.py.orig",
        "anselai/entrypoints/core",
        "anselai/adapters/crypto/encryption.key",
        "anselai/__pycache__/settings.cpython-311.pyc",
        "anselai/entrypoints/http/dashboard/static/notes.txt",
        "anselai/tests/test_settings.py",
        "tests/conftest.py",
        "anselai-0.1.0.dist-info/direct_url.json",
    ],
)
def test_what_does_not_belong_into_a_wheel_is_noticed(stray: str) -> None:
    assert strays(["anselai/settings.py", stray]) == [stray]


def strays(names: list[str]) -> list[str]:
    return [name for name in names if not BELONGS.fullmatch(name)]


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
        with httpx.Client(base_url=address, trust_env=False) as client:
            sign_in(client, KEY)
            client.headers["Authorization"] = f"Bearer {KEY}"
            for path in ("/", "/connections", "/sync", "/api/platforms"):
                assert client.get(path).status_code == 200
        checked = subprocess.run(
            [anselai, "check"], cwd=folder / "elsewhere", env=environment, capture_output=True, text=True, timeout=60
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
    finally:
        serving.terminate()
        assert serving.wait(30) == 0
        if serving.stdout is not None:
            serving.stdout.close()

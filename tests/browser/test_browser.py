"""The browser itself: what every test of our pages relies on."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

import pytest
from playwright.async_api import Error, Page

FORM = """<!doctype html><html lang="en"><title>Form</title>
<form method="post"><label>Studio <input name="studio"></label> <button>Save</button></form>
<p id="said">nothing yet</p><script>document.querySelector('#said').textContent = 'a script ran'</script>"""


class OneForm(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(FORM)

    def do_POST(self) -> None:
        fields = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.answer(f"<h1>Saved {fields['studio'][0]}</h1>")

    def answer(self, html: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(html.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OneForm) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


async def test_a_form_is_filled_in_and_sent_without_javascript(plain_page: Page, address: str) -> None:
    await plain_page.goto(address)
    assert await plain_page.inner_text("#said") == "nothing yet"
    await plain_page.get_by_label("Studio").fill("Fox & Sons")
    await plain_page.get_by_role("button", name="Save").click()
    assert await plain_page.inner_text("h1") == "Saved Fox & Sons"


async def test_scripts_run_where_javascript_is_on(page: Page, address: str) -> None:
    await page.goto(address)
    assert await page.inner_text("#said") == "a script ran"


async def test_the_browser_leaves_this_machine_alone(page: Page) -> None:
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        await page.goto("http://anselai.example/")

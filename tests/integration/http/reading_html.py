"""Just enough of a browser to look at a page and send its forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

VOID = {"meta", "link", "input", "br", "option"}


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """The tags, the words and the forms of a page. A tag that is closed wrongly is an error."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        self.status = response.status_code
        self.html = response.text
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self.words = ""
        self.open: list[str] = []
        self.select = ""
        self.feed(response.text)
        self.close()
        assert self.open == []
        self.words = " ".join(self.words.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get")))
        elif tag == "input" and self.forms:
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self.select = given["name"]
        elif tag == "option" and self.select and ("selected" in given or self.select not in self.forms[-1].fields):
            self.forms[-1].fields[self.select] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag
        if tag == "select":
            self.select = ""

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [given for name, given in self.tags if name == tag]

    def form(self, action: str) -> Form:
        [found] = [each for each in self.forms if each.action == action]
        return found

    @property
    def links(self) -> list[str]:
        return [each["href"] for each in self.all("a")]


async def look(client: httpx.AsyncClient, address: str) -> Page:
    return Page(await client.get(address))


async def submit(client: httpx.AsyncClient, page: Page, action: str, **fields: str) -> httpx.Response:
    """Send a form of the page with its own values, but for the given ones."""
    form = page.form(action)
    assert form.method == "post"
    assert set(fields) <= set(form.fields)
    return await client.post(action, data={**form.fields, **fields})

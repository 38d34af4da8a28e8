"""The dashboard as a photographer uses it: in a real browser, without JavaScript."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from anselai.application.ansel import Ansel
from anselai.container import open_in_memory
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.one_time_code import OneTimeCode
from anselai.entrypoints.http_server import address_of, http_server, listen

TOKEN = "ya29.canary-access-token"
PHONE = {"width": 390, "height": 844}


@pytest.fixture
async def ansel() -> AsyncIterator[Ansel]:
    async with open_in_memory() as opened:
        yield opened


@pytest.fixture
async def code(ansel: Ansel) -> OneTimeCode:
    return OneTimeCode(clock=ansel.clock)


@pytest.fixture
async def site(ansel: Ansel, code: OneTimeCode) -> AsyncIterator[str]:
    listener = listen("127.0.0.1", 0)
    server = http_server(build_app(ansel, sign_in_code=code))
    serving = asyncio.create_task(server.serve([listener]))
    yield address_of(listener)
    server.should_exit = True
    await serving


@pytest.fixture
async def plain_page(plain_page: Page, site: str, code: OneTimeCode) -> Page:
    """A page without JavaScript of somebody who signed in by the link."""
    await sign_in(plain_page, site, code)
    return plain_page


@pytest.fixture
async def page(page: Page, site: str, code: OneTimeCode) -> Page:
    await sign_in(page, site, code)
    return page


async def sign_in(page: Page, site: str, code: OneTimeCode) -> None:
    await page.goto(f"{site}/sign-in/{code.issue().reveal()}")
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{site}/")


async def connect_google(page: Page, site: str) -> None:
    await page.goto(site)
    await page.get_by_role("link", name="Connect Google").click()
    await page.get_by_label("Access token", exact=True).fill(TOKEN)
    await page.get_by_label("Refresh token").fill("1//canary-refresh-token")
    await page.get_by_label("Account id").fill("studio-7")
    await page.get_by_role("button", name="Connect").click()
    await page.wait_for_url("**/connections?done=*")


async def test_an_empty_dashboard_says_what_to_do_next(plain_page: Page, site: str) -> None:
    await plain_page.goto(site)
    await expect(plain_page.get_by_text("AnselAI — Photography Business Intelligence")).to_be_visible()
    await expect(plain_page.get_by_text("Nothing is connected yet")).to_be_visible()
    for platform in ("Google", "Meta", "Pinterest", "TikTok"):
        await expect(plain_page.get_by_role("link", name=f"Connect {platform}")).to_be_visible()


async def test_a_platform_is_connected_tested_synced_and_removed(plain_page: Page, site: str, ansel: Ansel) -> None:
    page = plain_page
    await connect_google(page, site)
    google = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Google"))
    await expect(google.get_by_text("studio-7")).to_be_visible()

    await google.get_by_role("button", name="Test").click()
    await expect(page.get_by_text("The test succeeded (simulated).")).to_be_visible()
    await google.get_by_role("button", name="Refresh token").click()
    await expect(google.get_by_text(re.compile("in .* minutes|in an hour|in 1 hour"))).to_be_visible()

    await page.get_by_role("link", name="Sync", exact=True).click()
    await page.get_by_role("button", name="Sync now Google, hourly").click()
    assert await ansel.worker.drain() == 1
    await page.goto(f"{site}/sync")
    log = page.get_by_role("region", name="Log")
    await expect(log.get_by_role("row").filter(has_text="manual")).to_contain_text("succeeded", ignore_case=True)

    await page.get_by_role("button", name="Pause Google, hourly").click()
    await expect(page.get_by_role("button", name="Resume Google, hourly")).to_be_visible()
    await page.get_by_role("button", name="Resume Google, hourly").click()
    await expect(page.get_by_role("button", name="Pause Google, hourly")).to_be_visible()

    await page.get_by_role("link", name="Why? Google, hourly").click()
    await expect(page.get_by_text("The hourly sync of google runs next ")).to_be_visible()
    await expect(page.get_by_text(re.compile("The manual run of .* succeeded: 0 records"))).to_be_visible()
    await page.get_by_role("link", name="Back to Sync").click()

    await page.get_by_role("link", name="Change Google, daily").click()
    await page.get_by_label("Cron").fill("30 6 * * *")
    await page.get_by_label("Time zone").fill("Europe/Berlin")
    await page.get_by_role("button", name=re.compile("Save|Change")).click()
    await expect(page.get_by_text("30 6 * * *")).to_be_visible()

    await page.goto(f"{site}/connections")
    await page.get_by_role("link", name="Remove Google").click()
    await page.get_by_role("button", name=re.compile("Remove")).click()
    await expect(page.get_by_role("link", name="Connect Google")).to_be_visible()
    await page.goto(f"{site}/sync")
    await expect(log.get_by_role("row").filter(has_text="manual")).to_contain_text("succeeded", ignore_case=True)


async def test_a_form_that_was_filled_in_wrongly_says_where_and_keeps_what_is_no_secret(
    plain_page: Page, site: str
) -> None:
    page = plain_page
    await page.goto(f"{site}/connections/google/connect")
    await page.get_by_label("Account id").fill("studio-7")
    await page.get_by_role("button", name="Connect").click()
    await expect(page.get_by_label("Access token", exact=True)).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Account id")).to_have_value("studio-7")


async def test_no_page_ever_shows_a_token(plain_page: Page, site: str) -> None:
    await connect_google(plain_page, site)
    for path in ("/", "/connections", "/sync", "/connections/google/connect", "/connections/google/remove"):
        await plain_page.goto(site + path)
        assert "canary" not in await plain_page.content()


async def test_the_caption_of_a_table_stands_in_one_line_on_a_phone(plain_page: Page, site: str, ansel: Ansel) -> None:
    await plain_page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await ansel.scheduler.workers.beat(ansel.worker.id, "darkroom", 4711)
    await plain_page.goto(f"{site}/sync")
    caption = await plain_page.get_by_text("Schedulers that are alive").bounding_box()
    assert caption is not None
    assert caption["height"] < 40


async def test_no_page_is_wider_than_a_phone(plain_page: Page, site: str) -> None:
    await plain_page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await connect_google(plain_page, site)
    paths = ("/", "/connections", "/sync", "/connections/google/connect")
    for path in (*paths, "/sync/google/daily/schedule", "/sync/google/explain"):
        await plain_page.goto(site + path)
        box = await plain_page.locator("html").bounding_box()
        main = await plain_page.locator("main").bounding_box()
        assert box is not None
        assert main is not None
        assert max(box["width"], main["x"] + main["width"]) <= PHONE["width"], path


async def test_pages_need_no_script_and_break_no_rule_of_their_own_policy(page: Page, site: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    await connect_google(page, site)
    for path in ("/", "/connections", "/sync", "/nowhere"):
        await page.goto(site + path)
        assert await page.locator("h1").count() == 1
        assert await page.locator("script, [style], [onclick]").count() == 0
    assert [each for each in complaints if "404" not in each] == []


async def test_a_key_signs_in_and_leads_to_the_page_that_was_asked_for_and_out_again(
    chromium: Browser, site: str, ansel: Ansel
) -> None:
    _, key = await ansel.access.create_key("photographer")
    async with await chromium.new_context(java_script_enabled=False) as context:
        page = await context.new_page()
        await page.goto(f"{site}/sync?outcome=failed")
        await page.get_by_label("API key").fill("wrong")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_contain_text("This key opens nothing.")
        await page.get_by_label("API key").fill(key.reveal())
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{site}/sync?outcome=failed")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_text("You are signed out.")).to_be_visible()
        await page.goto(f"{site}/sync")
        await expect(page.get_by_label("API key")).to_be_visible()


async def test_a_link_of_another_site_leads_in_and_a_form_of_it_does_nothing(
    plain_page: Page, site: str, ansel: Ansel
) -> None:
    """`localhost` is another site than `127.0.0.1`, though both are this machine."""
    await ansel.connections.save_connection("google", access_token=TOKEN)
    page, elsewhere = plain_page, site.replace("127.0.0.1", "localhost")
    link = f'<a href="{site}/sync">in</a>'
    form = f'<form method="post" action="{site}/connections/google/remove"><button>remove</button></form>'
    await page.route(f"{elsewhere}/evil", lambda route: route.fulfill(body=link + form, content_type="text/html"))
    await page.goto(f"{elsewhere}/evil")
    await page.get_by_role("link", name="in").click()
    await page.wait_for_url(f"{site}/sync")
    await expect(page.get_by_role("heading", name="Sync", exact=True)).to_be_visible()
    await page.goto(f"{elsewhere}/evil")
    await page.get_by_role("button", name="remove").click()
    await expect(page.get_by_text("CROSS_SITE_REQUEST")).to_be_visible()
    assert len(await ansel.connections.list_connections()) == 1

"""An AnselAI that was told known secrets, asked in every way, with all that it says kept."""

import io
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import psycopg
from dependency_injector.providers import Object
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from starlette.applications import Starlette

from anselai.adapters.crypto.hmac_signer import HmacSigner
from anselai.adapters.crypto.keyring import derive_key
from anselai.adapters.platforms.google import GoogleStub
from anselai.adapters.platforms.registry import InstalledPlatforms
from anselai.adapters.system import SystemClock
from anselai.application.ansel import Ansel
from anselai.application.running_jobs import WorkerLimits
from anselai.container.providers import Container, PostgresStores
from anselai.domain.secret import Secret
from anselai.entrypoints.http.app import build_app
from anselai.entrypoints.http.areas import is_for_programs
from anselai.entrypoints.http.doors import Doors, Limits
from anselai.entrypoints.http.one_time_code import OneTimeCode
from anselai.entrypoints.logs import CarefulHandler, SecretlessFormatter, SpareRepeats
from anselai.settings import Settings, load_settings
from tests import canaries
from tests.canaries import ACCESS, API_KEY, CLIENT_SECRET, ENCRYPTION_KEY, MISTYPED, OLD_KEY, REFRESH, REPLACED, listen
from tests.integration.blabber import SETTING, Blabber
from tests.integration.http.asking import FORM_TYPE, Reply, ask, form_token

HOST = (b"host", b"127.0.0.1:3200")
PASSWORD = quote(canaries.PASSWORD, safe="")
NOWHERE = f"postgresql://studio:{PASSWORD}@127.0.0.1:1/anselai"
TOKENS = {"accessToken": ACCESS, "refreshToken": REFRESH}
KNOWN: dict[str, str | bytes] = {
    "access token": ACCESS,
    "refresh token": REFRESH,
    "new access token": REPLACED,
    "token in the wrong place": MISTYPED,
    "encryption key": ENCRYPTION_KEY,
    "old encryption key": OLD_KEY,
    "derived key": bytes.fromhex(derive_key(Secret(ENCRYPTION_KEY)).key.reveal()),
    "old derived key": bytes.fromhex(derive_key(Secret(OLD_KEY)).key.reveal()),
    "ANSELAI_API_KEY": API_KEY,
    "database password": canaries.PASSWORD,
    "client secret": CLIENT_SECRET,
}

# Where a secret is meant to be seen.
LEGITIMATE = {
    "sign-in code": "GET|HEAD /sign-in/{code}",  # the button of the link's page sends back the code it was opened with
    "token in the wrong place": "GET|HEAD /sign-in/{code}",  # the same, with a code that is none
    "session": "set-cookie",  # left out of what is listened to, since it is how a browser gets its session
}


@dataclass(slots=True, kw_only=True)
class Stage:
    """An AnselAI over PostgreSQL with all it can know, and what was said so far, by where."""

    ansel: Ansel
    app: Starlette
    settings: Settings
    canaries: dict[str, str | bytes]
    code: str
    key: str = API_KEY
    cookie: bytes = b""
    form_token: str = ""
    said: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, pattern: str, body: bytes = b"", media_type: str = "", **given: str) -> Reply:
        path = pattern.format(**{"platform": "blabber", "id": "7", "frequency": "daily", "code": MISTYPED} | given)
        headers = [HOST]
        if is_for_programs(path):
            headers.append((b"authorization", f"Bearer {self.key}".encode()))
        elif path != "/sign-in":
            headers.append((b"cookie", self.cookie))
        if media_type:
            headers.append((b"content-type", media_type.encode()))
        query = given.get("query", "").encode()
        reply = await ask(self.app, method, path, query=query, headers=headers, chunks=[body], known=False)
        self.tell(f"{method} {pattern}", reply)
        return reply

    def tell(self, where: str, reply: Reply) -> None:
        head = {name: value for name, value in reply.headers.items() if name != "set-cookie"}
        self.said[where] = f"{self.said.get(where, '')}\n{reply.status} {head}\n{reply.body.decode('latin-1')}"

    async def come_in(self) -> None:
        """By the link, and with a new key."""
        page = await self.ask("GET", "/sign-in/{code}", code=self.code)
        self.cookie = _cookie_of(page)
        self.form_token = form_token(page.body.decode())
        signed_in = await self.form("/sign-in/{code}", code=self.code)
        assert signed_in.status == 303, signed_in
        self.cookie = _cookie_of(signed_in)
        self.form_token = form_token((await self.ask("GET", "/sync")).body.decode())
        _, text = await self.ansel.access.create_key("canary")
        self.key = text.reveal()
        self.canaries |= {"API key": self.key.split("_", 2)[2], "session": self.cookie.decode()}

    async def form(self, pattern: str, body: str = "", **given: str) -> Reply:
        content = f"formToken={quote(self.form_token)}&{body}".encode()
        return await self.ask("POST", pattern, content, media_type=FORM_TYPE, **given)

    def listen(self, said: Mapping[str, str | bytes] | None = None) -> None:
        assert isinstance(self.ansel.signer, HmacSigner)
        keys = self.ansel.signer.keys.items()  # by now all are there that anything was signed with
        self.canaries |= {f"key for {purpose}": bytes.fromhex(key.reveal()) for purpose, key in keys}
        for name, canary in self.canaries.items():
            methods, _, pattern = LEGITIMATE.get(name, "").partition(" ")
            meant = {f"{method} {pattern}" for method in methods.split("|")}
            heard = self.said if said is None else said
            listen({where: text for where, text in heard.items() if where not in meant}, {name: canary})


@asynccontextmanager
async def set_up(url: str) -> AsyncIterator[Stage]:
    """Over the database at this address, which need not be there. Whoever asks has a key, and signed in by the link."""
    settings = settings_with_canaries(url)
    stores = PostgresStores(dsn=Secret(url))
    container = Container(
        stores=stores,
        encryption_key=Secret(ENCRYPTION_KEY),
        older_keys=Object([Secret(OLD_KEY)]),
        platforms=InstalledPlatforms([Blabber, GoogleStub], settings.platform_values),
        clock=SystemClock(),
        limits=WorkerLimits(),
        api_key=Object(settings.api_key),
    )
    async with stores.database():
        ansel = container.ansel()
        code = OneTimeCode(clock=ansel.clock)
        app = build_app(ansel, doors=Doors(limits=Limits(requests_of_a_key=10**9, sign_ins=10**9)), sign_in_code=code)
        async with app.router.lifespan_context(app):
            text = code.issue().reveal()
            stage = Stage(ansel=ansel, app=app, settings=settings, canaries=KNOWN | {"sign-in code": text}, code=text)
            yield stage


def settings_with_canaries(url: str) -> Settings:
    environment = {
        "DATABASE_URL": url,
        "ENCRYPTION_KEY": ENCRYPTION_KEY,
        "ENCRYPTION_KEYS_OLD": OLD_KEY,
        "ANSELAI_API_KEY": API_KEY,
        "ANSELAI_LOG_LEVEL": "DEBUG",
        SETTING: CLIENT_SECRET,
    }
    return load_settings(environment, dotenv=None)


@contextmanager
def role_with_a_canary(owners_url: str, database_url: str) -> Iterator[str]:
    """The address of the database for a role whose password is a canary."""
    given = {name: str(value) for name, value in conninfo_to_dict(database_url).items()}
    names = {"role": sql.Identifier(f"{given['dbname']}_canary"), "serving": sql.Identifier(given["user"])}
    with psycopg.connect(owners_url, autocommit=True) as connection:
        made = sql.SQL("CREATE ROLE {role} LOGIN PASSWORD {password} IN ROLE {serving}")
        connection.execute(made.format(password=sql.Literal(canaries.PASSWORD), **names))
        connection.execute("SELECT 'the statement before this one is not to be seen'")
        try:
            user = {"user": f"{given['dbname']}_canary", "password": canaries.PASSWORD}
            yield f"postgresql://?{urlencode(given | user, quote_via=quote)}"
        finally:
            connection.execute(sql.SQL("DROP ROLE {role}").format(**names))


def dump(url: str) -> dict[str, bytes]:
    """Every row of every table as text, and what the server knows of who is connected."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        tables: dict[tuple[str, str], sql.Composable] = {
            name: sql.SQL("SELECT * FROM {}").format(sql.Identifier(*name)) for name in found
        }
        tables["pg_catalog", "pg_stat_activity"] = sql.SQL("SELECT * FROM pg_stat_activity")
        dumped = {}
        for name, rows in tables.items():
            with connection.cursor().copy(sql.SQL("COPY ({}) TO STDOUT").format(rows)) as copy:
                dumped[f"table {'.'.join(name)}"] = b"".join(bytes(each) for each in copy)
    return dumped


@contextmanager
def log_written() -> Iterator[io.StringIO]:
    """What AnselAI writes to its log, of every logger at every level."""
    written, root = io.StringIO(), logging.getLogger()
    handler = CarefulHandler(written)
    handler.addFilter(SpareRepeats())
    handler.setFormatter(SecretlessFormatter(settings_with_canaries(NOWHERE).secrets))
    kept, loggers = (root.handlers[:], root.level), [logging.getLogger(name) for name in ("anselai", "blabber")]
    root.handlers[:] = [handler]
    for each in (root, *loggers):
        each.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        root.handlers[:] = kept[0]
        root.setLevel(kept[1])
        for each in loggers:
            each.setLevel(logging.NOTSET)


def _cookie_of(reply: Reply) -> bytes:
    return reply.headers["set-cookie"].partition(";")[0].encode()

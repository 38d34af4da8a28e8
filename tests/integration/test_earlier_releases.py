"""A database of an earlier release keeps its tokens, which that release's own cipher sealed."""

import psycopg

from anselai.adapters.crypto.keyring import derive_key
from anselai.adapters.postgres import migrate
from anselai.container import open_ansel
from anselai.domain.connection import ConnectionKey
from anselai.domain.secret import Secret
from anselai.settings import Settings
from tests.samples import OF_BEFORE

BEFORE = "0006_access"
INSERT = """
INSERT INTO platform_connections (id, studio, platform, access_token, refresh_token, token_expires_at, scopes, status,
    version, created_at, updated_at)
VALUES (gen_random_uuid(), 'default', 'google', %s, %s, now() + interval '1 day', '{}', 'active', 1, now(), now())
"""


async def test_what_was_sealed_before_opens_after_the_migration_and_is_counted(empty_database_url: str) -> None:
    migrate.upgrade(Secret(empty_database_url), BEFORE)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(INSERT, (OF_BEFORE.access_token, OF_BEFORE.refresh_token))
    migrate.upgrade(Secret(empty_database_url))
    settings = Settings(database_url=Secret(empty_database_url), encryption_key=OF_BEFORE.encryption_key)
    async with open_ansel(settings=settings) as ansel:
        stored = await ansel.connections.connections.get(ConnectionKey("default", "google"))
        opened = ansel.connections.vault.open_credentials(stored)
        assert (opened.access_token, opened.refresh_token) == (OF_BEFORE.opened_access, OF_BEFORE.opened_refresh)
        [key] = await ansel.keys.status()
        assert (key.rows, key.seals) == (1, 2)
        assert (await ansel.connections.test_connection("google")).ok


def test_a_token_that_lies_there_in_plain_text_is_not_taken_for_a_key_in_any_part(empty_database_url: str) -> None:
    migrate.upgrade(Secret(empty_database_url), BEFORE)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(INSERT, ("ya29.A0SECRET.more", OF_BEFORE.refresh_token))
        migrate.upgrade(Secret(empty_database_url))
        ids = connection.execute("SELECT id FROM sealing_keys").fetchall()
    assert ids == [(derive_key(OF_BEFORE.encryption_key).id,)]

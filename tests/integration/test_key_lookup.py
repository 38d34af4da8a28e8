"""Whether there is a key with an id cannot be told from how long it takes to find none."""

from uuid import UUID

from anselai.adapters.postgres.api_keys import _FIND, DECOY, PostgresApiKeys
from anselai.adapters.postgres.database import Database
from anselai.domain.access import EVERY_STUDIO


async def test_looking_a_key_up_in_vain_brings_a_whole_row_too(database: Database) -> None:
    for unknown in (UUID(int=0), UUID(int=7), DECOY):
        [row] = await database.rows(_FIND, {"id": unknown}, studio=EVERY_STUDIO)
        assert None not in row[:6], "the row of a key is read in all its columns"
        assert await PostgresApiKeys(database=database).find(unknown) is None

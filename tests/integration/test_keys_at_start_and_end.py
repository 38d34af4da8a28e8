"""What a program does about its keys when it opens AnselAI, and when it closes it."""

from collections.abc import ItemsView
from pathlib import Path

from anselai.adapters.crypto.key_file import KeyFiles
from anselai.adapters.crypto.keyring import derive_key, generate_secret
from anselai.container import open_ansel
from anselai.container.opening import open_on
from anselai.domain.ports.cipher import key_id_of
from anselai.domain.secret import Secret
from anselai.settings import Settings


class RotatedMeanwhile(dict[str, Secret]):
    """The settings of platforms; when they are first read, somebody else makes a new primary key."""

    def __init__(self, files: KeyFiles) -> None:
        super().__init__()
        self.files = files

    def items(self) -> ItemsView[str, Secret]:  # type: ignore[override]
        if not self.files.older():
            self.files.add_primary()
        return super().items()


async def test_a_start_beside_a_rotation_is_not_left_with_the_key_before(database_url: str, tmp_path: Path) -> None:
    files = KeyFiles(tmp_path)
    before = files.ring().primary.id
    settings = Settings(data_dir=tmp_path, platform_values=RotatedMeanwhile(files))
    async with open_on(Secret(database_url), settings) as ansel:
        sealed = ansel.connections.encrypt_token("google", "token")
    assert key_id_of(sealed) == files.ring().primary.id != before


async def test_a_process_with_its_keys_in_files_tells_that_and_what_else_it_has(
    database_url: str, tmp_path: Path
) -> None:
    other = generate_secret()
    settings = Settings(data_dir=tmp_path, encryption_keys_old=(other,))
    async with open_on(Secret(database_url), settings) as ansel:
        assert await ansel.keys.sealed_tokens.living_rings() == [("files", derive_key(other).id[:8])]


async def test_what_was_sealed_and_never_stored_is_counted_at_the_end(database_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url=Secret(database_url), data_dir=tmp_path, encryption_key=generate_secret())
    async with open_ansel(settings=settings) as ansel:
        for _ in range(40):
            ansel.connections.encrypt_token("google", "token")
        assert await ansel.keys.sealed_tokens.uses() == {}
    async with open_ansel(settings=settings) as ansel:
        [key] = await ansel.keys.status()
        assert key.seals >= 40

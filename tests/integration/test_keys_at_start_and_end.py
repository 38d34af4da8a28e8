"""What a program does about its keys when it opens AnselAI, and when it closes it."""

from collections.abc import ItemsView
from pathlib import Path

from anselai.adapters.crypto.key_file import KeyFiles
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

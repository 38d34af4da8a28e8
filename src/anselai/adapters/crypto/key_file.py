"""The encryption key of the embedded database: made once, kept beside it, readable by its owner only."""

import os
from pathlib import Path

from anselai.adapters.crypto.keyring import generate_secret
from anselai.domain.errors import InvalidSettings
from anselai.domain.secret import Secret

FILE_NAME = "encryption.key"


def read_or_make_key(data_dir: Path) -> Secret:
    """The key in `data_dir`; the first call makes it, with mode 0600. Two first calls at once get the same key.

    Raises InvalidSettings when the file cannot be read or others may read it.
    """
    path = data_dir / FILE_NAME
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise InvalidSettings(f"Others may read the encryption key. Run: chmod 600 {path}")
        return Secret(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"The encryption key {path} cannot be read or made: {error}") from None


def _make(path: Path) -> None:
    """Write the whole key beside its place and then link it there, so that nobody ever reads half a key."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(generate_secret().reveal() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another process was first: its key counts
    finally:
        draft.unlink()

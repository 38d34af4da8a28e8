"""The encryption keys of the embedded database: made here, kept beside it, readable by their owner only.

One file holds the primary key, the other the older ones, one a line. Each is replaced as a whole, and the older keys
are written before the primary one: a crash at any step leaves a ring that opens everything.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anselai.adapters.crypto.keyring import KeyRing, derive_key, derive_ring, generate_secret
from anselai.domain.errors import InvalidSettings
from anselai.domain.ports.kept_keys import KeptKeys
from anselai.domain.secret import Secret

FILE_NAME = "encryption.key"
OLDER_NAME = "encryption.keys.old"
LOCK_NAME = ".encryption.keys.lock"

Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class KeyFiles(KeptKeys):
    """The key files in a folder. Methods raise InvalidSettings when a file cannot be read, or others may read it."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / FILE_NAME

    @property
    def older_path(self) -> Path:
        return self.folder / OLDER_NAME

    def primary(self) -> Secret:
        """The primary key; the first call makes it. Two first calls at once get the same one."""
        with self._told():
            if not self.path.exists():
                with self._locked():
                    if not self.path.exists():
                        _replace(self.path, f"{generate_secret().reveal()}\n")
            return Secret(_read(self.path).strip())

    def ring(self) -> KeyRing:
        """The ring of both files."""
        return derive_ring(self.primary(), self.older(), older_name=str(self.older_path))

    def older(self) -> Sequence[Secret]:
        """The older keys; none where there is no file of them."""
        with self._told():
            text = _read(self.older_path) if self.older_path.exists() else ""
            return [Secret(line) for line in text.split()]

    def all(self) -> Sequence[Secret]:
        """Every key of both files, for whoever gives another primary one. Makes none."""
        return [*([self.primary()] if self.path.exists() else []), *self.older()]

    def add_primary(self) -> KeyRing:
        """Make a new primary key; the one so far becomes an older one."""
        self.primary()
        with self._told(), self._locked():
            self._write_older([self.primary(), *self.older()])
            _replace(self.path, f"{generate_secret().reveal()}\n")
            return self.ring()

    def forget(self, key_id: str) -> Secret | None:
        with self._told(), self._locked():
            older = self.older()
            found = next((each for each in older if derive_key(each, str(self.older_path)).id == key_id), None)
            if found is not None:
                self._write_older([each for each in older if each != found])
            return found

    def bring_back(self, key: Secret) -> None:
        with self._told(), self._locked():
            self._write_older([*self.older(), key])

    def signature(self) -> Signature | None:
        """Another one after every change of the primary key; None where there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _write_older(self, keys: Sequence[Secret]) -> None:
        texts = dict.fromkeys(each.reveal() for each in keys)
        _replace(self.older_path, "".join(f"{each}\n" for each in texts))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process changes the files at a time."""
        descriptor = os.open(self.folder / LOCK_NAME, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidSettings(
                f"The encryption keys in {self.folder} cannot be read or written: {_why(error)}"
            ) from None


class RenewedRing:
    """Gives the ring of the files when their primary key has changed since it was last asked, and otherwise None."""

    __slots__ = ("_files", "_older", "_seen")

    def __init__(self, files: KeyFiles, older: Sequence[Secret] = ()) -> None:
        """`older` are keys that open too, whatever the files hold."""
        self._files = files
        self._older = older
        self._seen = files.signature()

    def __call__(self) -> KeyRing | None:
        found = self._files.signature()
        if found is None or found == self._seen:
            return None
        try:
            ring = derive_ring(self._files.primary(), [*self._older, *self._files.older()])
        except InvalidSettings:
            return None  # what this process has still opens what it always opened
        self._seen = found
        return ring


def _read(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise InvalidSettings(f"Others may read the encryption key. Run: chmod 600 {path}")
        return file.read()


def _replace(path: Path, text: str) -> None:
    """Write a whole file beside its place and then put it there, so that nobody ever reads half of it.

    A link to a file elsewhere, on a volume of its own, stays one.
    """
    path = path.resolve()
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)  # of a process that was killed here; only one writes at a time
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _keep(path.parent)


def _keep(folder: Path) -> None:
    """Have the names in the folder written down too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "it is no text"

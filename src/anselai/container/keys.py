"""The encryption keys: where they come from, whether they are good, and those that are kept in files."""

from collections.abc import Sequence
from dataclasses import dataclass

from anselai.adapters.crypto.key_file import KeyFiles, RenewedRing
from anselai.adapters.crypto.keyring import derive_key, derive_ring, generate_secret
from anselai.domain.errors import InvalidSettings
from anselai.domain.ports.kept_keys import KeptKeys
from anselai.domain.ports.sealed_tokens import IN_FILES
from anselai.domain.secret import Secret
from anselai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInUse:
    """Where the primary encryption key comes from, and its id, which every token sealed with it names."""

    source: str
    id: str


def generate_key() -> Secret:
    """A good ENCRYPTION_KEY."""
    return generate_secret()


def keeps_keys_in_files(settings: Settings) -> bool:
    """Whether AnselAI itself makes the keys and keeps them: so it is for the embedded database, unless one is set."""
    return settings.database_url is None and settings.encryption_key is None


def key_in_use(settings: Settings) -> KeyInUse:
    """Which primary key these settings lead to. Raises InvalidSettings when it is missing, or bad."""
    check_key(settings)
    path = _files(settings).path
    if settings.encryption_key is None and not path.exists():
        raise InvalidSettings(f"There is no key yet. The first `anselai serve` makes one and keeps it in {path}.")
    source = str(path) if settings.encryption_key is None else "ENCRYPTION_KEY"
    return KeyInUse(source=source, id=derive_key(key_of(settings)).id)


def check_key(settings: Settings) -> None:
    """Refuse a bad or missing key before anything is started. Raises InvalidSettings."""
    if settings.encryption_key is not None:
        derive_key(settings.encryption_key)
    elif settings.database_url is not None:
        raise InvalidSettings(
            "ENCRYPTION_KEY must be set where DATABASE_URL is. Make a key with: anselai keys generate"
        )
    derive_ring(generate_secret(), settings.encryption_keys_old)


def key_of(settings: Settings) -> Secret:
    """The primary key; that of the embedded database is made if it is missing. Raises InvalidSettings."""
    check_key(settings)
    return settings.encryption_key or _files(settings).primary()


def older_keys_of(settings: Settings) -> Sequence[Secret]:
    """The keys that only open: those of the settings, and what is kept beside the embedded database."""
    files = _files(settings)
    if settings.database_url is not None:
        kept: Sequence[Secret] = ()
    elif settings.encryption_key is None:
        kept = files.older()
    else:
        kept = files.all()
    return [*settings.encryption_keys_old, *kept]


def key_ids_told(settings: Settings) -> Sequence[str]:
    """What a process tells others of its ring: what is settled for its whole life, as keys in files are not."""
    if keeps_keys_in_files(settings):
        return (IN_FILES, *(derive_key(each).id for each in settings.encryption_keys_old))
    return [each.id for each in derive_ring(key_of(settings), older_keys_of(settings)).keys]


def renewed_ring(settings: Settings) -> RenewedRing | None:
    """How a running process hears of a new primary key in the files, so that it need not be started anew."""
    return RenewedRing(_files(settings), settings.encryption_keys_old) if keeps_keys_in_files(settings) else None


def add_primary_key(settings: Settings) -> str:
    """Make a new primary key in the files, where they are used, and keep the one so far. Its id."""
    return _files(settings).add_primary().primary.id


def kept_keys(settings: Settings) -> KeptKeys | None:
    """The older keys in files, beside the embedded database."""
    return _files(settings) if settings.database_url is None else None


def how_to_remove(settings: Settings, key_id: str) -> str:
    """What is left to a person for a key that may go and is none of `kept_keys`."""
    files = _files(settings)
    if settings.database_url is not None or key_id in (derive_key(each).id for each in settings.encryption_keys_old):
        return "Take it out of ENCRYPTION_KEYS_OLD of every process."
    if files.path.exists() and derive_key(files.primary()).id == key_id:
        return f"Remove {files.path}, which holds it."
    return f"There is no such key in {settings.data_dir}."


def _files(settings: Settings) -> KeyFiles:
    return KeyFiles(settings.data_dir)

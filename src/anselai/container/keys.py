"""The encryption key: where it comes from, and whether it is good."""

from dataclasses import dataclass

from anselai.adapters.crypto.key_file import FILE_NAME, read_or_make_key
from anselai.adapters.crypto.keyring import derive_key, generate_secret
from anselai.domain.errors import InvalidSettings
from anselai.domain.secret import Secret
from anselai.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInUse:
    """Where the encryption key comes from, and its id, which every token sealed with it names."""

    source: str
    id: str


def generate_key() -> Secret:
    """A good ENCRYPTION_KEY."""
    return generate_secret()


def key_in_use(settings: Settings) -> KeyInUse:
    """Which key these settings lead to. Raises InvalidSettings when it is missing, or bad."""
    check_key(settings)
    path = settings.data_dir / FILE_NAME
    if settings.encryption_key is None and not path.exists():
        raise InvalidSettings(f"There is no key yet. The first `anselai serve` makes one and keeps it in {path}.")
    source = str(path) if settings.encryption_key is None else "ENCRYPTION_KEY"
    return KeyInUse(source=source, id=derive_key(key_of(settings)).id)


def check_key(settings: Settings) -> None:
    """Refuse a bad or missing key before anything is started. Raises InvalidSettings."""
    if settings.encryption_key is not None:
        derive_key(settings.encryption_key)
    elif settings.database_url is not None:
        raise InvalidSettings("ENCRYPTION_KEY must be set where DATABASE_URL is. Make a key with: anselai key generate")


def key_of(settings: Settings) -> Secret:
    """The key of the settings; that of the embedded database is made if it is missing. Raises InvalidSettings."""
    check_key(settings)
    return settings.encryption_key or read_or_make_key(settings.data_dir)

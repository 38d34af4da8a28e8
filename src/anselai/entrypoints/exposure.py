"""Whether what was set may listen where it was told to: beyond this machine only behind keys that somebody chose."""

from anselai.application.access_views import KeyState
from anselai.application.ansel import Ansel
from anselai.domain.errors import InvalidSettings
from anselai.settings import Settings, is_loopback


def check_exposure(settings: Settings) -> None:
    """Before anything is started. Raises InvalidSettings with what to do."""
    if not settings.auth and not all(map(is_loopback, settings.allowed_hosts)):
        raise InvalidSettings(
            "ANSELAI_ALLOWED_HOSTS names others' ways here, and ANSELAI_AUTH is off. Remove one of them."
        )
    if not settings.auth and settings.trusted_proxies:
        raise InvalidSettings("ANSELAI_TRUSTED_PROXIES lets others in, and ANSELAI_AUTH is off. Remove one of them.")
    if not settings.auth and settings.cors_origins:
        raise InvalidSettings("ANSELAI_CORS_ORIGINS lets other sites in, and ANSELAI_AUTH is off. Remove one of them.")
    if is_loopback(settings.host):
        return
    where = f"ANSELAI_HOST is {settings.host}, which others than this machine can reach"
    if not settings.auth:
        raise InvalidSettings(f"{where}, and ANSELAI_AUTH is off. Remove ANSELAI_AUTH, or use ANSELAI_HOST=127.0.0.1.")
    if settings.encryption_key is None:
        raise InvalidSettings(
            f"{where}, so that the encryption key must be one that you chose and keep. Set ENCRYPTION_KEY: the one in"
            f" use is in {settings.data_dir / 'encryption.key'} if AnselAI ran here before; anselai keys generate"
            " prints a new one."
        )


async def check_somebody_has_a_key(settings: Settings, ansel: Ansel) -> None:
    """Once the store is open. Raises InvalidSettings with what to do."""
    if is_loopback(settings.host) or settings.api_key is not None or await _is_any_key_active(ansel):
        return
    raise InvalidSettings(
        f"ANSELAI_HOST is {settings.host}, which others than this machine can reach, and there is no API key. Make one"
        " with: anselai keys api create, or set ANSELAI_API_KEY."
    )


async def _is_any_key_active(ansel: Ansel) -> bool:
    for studio in await ansel.access.list_studios():
        keys = await ansel.access.list_keys(studio=studio.id)
        if any(each.state is KeyState.ACTIVE for each in keys):
            return True
    return False

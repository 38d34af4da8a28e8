"""The key that the very first start makes, so that a newcomer need not ask for one."""

from anselai.application.ansel import Ansel
from anselai.application.audit import acting_as
from anselai.domain.access import Scope
from anselai.domain.audit import Actor
from anselai.domain.secret import Secret
from anselai.settings import Settings

NAME = "first"


async def first_key(settings: Settings, ansel: Ansel, *, is_watched: bool) -> Secret | None:
    """A key of the studio `default` with every right, made once, with the embedded database only.

    It is shown and not kept, so that it is made only where a person watches: what a service prints is written to a log.
    """
    if not is_watched or settings.database_url is not None or settings.api_key is not None or not settings.auth:
        return None
    if await ansel.access.list_keys():
        return None
    with acting_as(Actor(name="first start")):
        _, text = await ansel.access.create_key(NAME, scopes=(Scope.ADMIN,))
    return text

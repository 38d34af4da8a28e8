"""What a page says after a redirect: a short code in the address stands for a fixed sentence, so that no link can make
a page say anything else.
"""

from starlette.requests import Request

_SENTENCES = {
    "connected": "Connected. The first syncs are planned; see Sync for when.",
    "replaced": "The tokens were replaced, and the connection is active.",
    "refreshed": "The access token was refreshed.",
    "removed": "The connection was removed, its tokens with it. Its log stays.",
    "queued": "The sync is queued and starts as soon as the scheduler takes it.",
    "already": "That sync was queued or running already.",
    "paused": "The schedule is paused.",
    "resumed": "The schedule is on again.",
    "scheduled": "The schedule was changed.",
}


def flash_of(request: Request) -> str | None:
    return _SENTENCES.get(request.query_params.get("done", ""))


def after(path: str, done: str) -> str:
    """The address to send the browser to."""
    return f"{path}?done={done}"

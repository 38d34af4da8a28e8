"""The static files, held in memory: they are few and small, and part of the package."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from anselai.entrypoints.http.errors import RequestRefused
from anselai.entrypoints.http.resource import Resource

_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"  # pages ask with the version: a new file is a new address
_ASK_AGAIN = "no-cache"  # whoever asks without it, or with an old one


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    content: bytes
    media_type: str
    version: str

    @property
    def tag(self) -> str:
        return f'"{self.version}"'

    def headers(self, version: str) -> dict[str, str]:
        """`version` is the one that was asked for."""
        cache = _FOREVER if version == self.version else _ASK_AGAIN
        return {"Content-Type": self.media_type, "Cache-Control": cache, "ETag": self.tag}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    assets: Mapping[str, Asset]

    @classmethod
    def load(cls) -> "Assets":
        folder = files("anselai.entrypoints.http.dashboard").joinpath("static")
        found = {}
        for file in folder.iterdir():
            content = file.read_bytes()
            found[file.name] = Asset(
                content=content,
                media_type=_TYPES["." + file.name.rpartition(".")[2]],
                version=hashlib.sha256(content).hexdigest()[:16],
            )
        return cls(assets=found)

    def routes(self) -> list[Route]:
        return [Route("/static/{name}", Resource(GET=self.get))]

    def address(self, name: str) -> str:
        return f"/static/{name}?v={self.assets[name].version}"

    async def get(self, request: Request) -> Response:
        asset = self.assets.get(request.path_params["name"])
        if asset is None:
            raise RequestRefused(404, "NOT_FOUND", "There is no such file.")
        headers = asset.headers(request.query_params.get("v", ""))
        if asset.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(asset.content, headers=headers)

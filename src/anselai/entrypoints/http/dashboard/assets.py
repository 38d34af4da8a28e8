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
_CACHE = "public, max-age=86400"  # pages ask with the version, so that a new file is a new address


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    content: bytes
    media_type: str
    version: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.media_type, "Cache-Control": _CACHE, "ETag": f'"{self.version}"'}


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
        if asset.headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=asset.headers)
        return Response(asset.content, headers=asset.headers)

"""GET /api/connections as FastAPI's and SQLAlchemy's documentation would have it: ORM, session dependency, models."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from sqlalchemy import ARRAY, DateTime, Text, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.peers.served import serve

STUDIO = "default"
T = TypeVar("T")


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True), list[str]: ARRAY(Text)}  # noqa: RUF012


class PlatformConnection(Base):
    __tablename__ = "platform_connections"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    studio: Mapped[str]
    platform: Mapped[str]
    account_id: Mapped[str | None]
    access_token: Mapped[str]
    refresh_token: Mapped[str | None]
    token_expires_at: Mapped[datetime | None]
    scopes: Mapped[list[str]]
    stored_status: Mapped[str] = mapped_column("status")
    last_sync_at: Mapped[datetime | None]
    last_error_code: Mapped[str | None]
    last_error_message: Mapped[str | None] = mapped_column("last_error")
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    @property
    def status(self) -> str:
        expired = self.token_expires_at is not None and self.token_expires_at <= datetime.now(UTC)
        return "expired" if expired else self.stored_status

    @property
    def last_error(self) -> dict[str, str | None] | None:
        message = self.last_error_message
        return None if message is None else {"code": self.last_error_code, "message": message}

    @property
    def has_refresh_token(self) -> bool:
        return self.refresh_token is not None


class ErrorOut(BaseModel):
    code: str | None
    message: str


class ConnectionOut(BaseModel):
    model_config = ConfigDict(from_attributes=True, alias_generator=to_camel, populate_by_name=True)

    platform: str
    account_id: str | None
    status: str
    scopes: list[str]
    token_expires_at: datetime | None
    has_refresh_token: bool
    last_sync_at: datetime | None
    last_error: ErrorOut | None
    created_at: datetime
    updated_at: datetime


class Envelope(BaseModel, Generic[T]):
    model_config = ConfigDict(from_attributes=True)

    success: bool = True
    data: T


def create_app(dsn: str) -> FastAPI:
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+psycopg://"))
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def session() -> AsyncIterator[AsyncSession]:
        async with sessions() as opened:
            yield opened

    app = FastAPI()

    @app.get("/api/connections", response_model=Envelope[list[ConnectionOut]])
    async def connections(session: Annotated[AsyncSession, Depends(session)]) -> Any:
        found = await session.scalars(
            select(PlatformConnection).where(PlatformConnection.studio == STUDIO).order_by(PlatformConnection.platform)
        )
        return {"data": found.all()}

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    args = parser.parse_args()
    asyncio.run(serve(create_app(args.dsn)))

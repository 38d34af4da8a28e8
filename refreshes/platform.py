"""The plug-in of the processes under test: its refresh tokens work once, and are asked for over HTTP."""

import asyncio
import os
from datetime import datetime, timedelta
from typing import ClassVar

from anselai.adapters.platforms.stub import StubClient
from anselai.domain.connection import ConnectionKey, Credentials
from anselai.domain.errors import AnswerLost, AuthFailure, RateLimited, TransientFailure
from anselai.domain.ports.platform_client import PlatformInfo
from anselai.domain.refreshing import SecondUse
from anselai.domain.secret import Secret
from refreshes.wire import LIFE, ask

NAME = "once"
PORT = "REFRESHES_PORT"
PATIENCE = 2.0  # seconds


class OncePlatform(StubClient):
    """Says of each failure whether the question may have arrived, as the port asks for."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        name=NAME,
        label="Once",
        token_lifetime=timedelta(seconds=LIFE),
        second_use=SecondUse.REFUSED,
        simulated=True,
    )

    async def refresh(self, key: ConnectionKey, credentials: Credentials, now: datetime) -> Credentials:
        assert credentials.refresh_token is not None
        question = {"account": key.studio, "refresh_token": credentials.refresh_token.reveal()}
        try:
            async with asyncio.timeout(PATIENCE):
                status, answer = await ask(int(os.environ[PORT]), "/token", question)
        except OSError as unreachable:
            if isinstance(unreachable, TimeoutError):
                raise AnswerLost("Once did not answer in time.") from None
            raise TransientFailure("Once cannot be reached.") from None
        except EOFError:
            raise AnswerLost("Once cut the connection.") from None
        match status:
            case 429:
                raise RateLimited("slow down", 1.0)
            case 503:
                raise TransientFailure("503")
            case 400:
                raise AuthFailure("invalid_grant")
        return Credentials(
            access_token=Secret(answer["access_token"]),
            refresh_token=Secret(answer["refresh_token"]),
            expires_at=now + timedelta(seconds=answer["expires_in"]),
        )

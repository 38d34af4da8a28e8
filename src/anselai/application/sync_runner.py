"""Runs one claimed job: fresh token, fetch, checkpoint by checkpoint, and the result of the attempt."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from anselai.application.kept_texts import long_enough, refuse_tokens
from anselai.application.token_refresh import TokenRefresher
from anselai.application.token_vault import TokenVault
from anselai.domain import retry
from anselai.domain.connection import ConnectionStatus, Credentials, PlatformConnection
from anselai.domain.errors import (
    AnselError,
    AuthFailure,
    ClientBug,
    ConnectionNotFound,
    FailureClass,
    LeaseLost,
    NoRefreshToken,
    PlatformFailure,
    PlatformPaused,
    RateLimited,
    RefreshInProgress,
    StoreUnavailable,
    TokenUnreadable,
    UnknownPlatform,
    our_kind,
)
from anselai.domain.ports.clock import Clock
from anselai.domain.ports.platform_client import Batch, FetchRequest, PlatformClient, Platforms
from anselai.domain.ports.records import Records
from anselai.domain.records import RECORD_TYPES
from anselai.domain.scrubbing import KnownSecrets
from anselai.domain.sync_job import AttemptResult, ClaimedJob, Outcome

MOST_API_CALLS = 1_000_000  # in one batch
LONGEST_WAIT = timedelta(minutes=5)  # of a sync for a platform that gives no new tokens


class Stalled(ClientBug):
    """A client said that more was to come, but its cursor did not move: going on would repeat itself for ever."""

    code = "SYNC_STALLED"


@dataclass(slots=True, kw_only=True)
class RunProgress:
    """How far a run has come: written by the run, read by whoever watches over its limits."""

    cursor: str | None
    progressed_at: float
    records: int = 0
    api_calls: int = 0
    simulated: bool = False
    batches_stored: int = 0
    empty_handed: bool = False  # a batch came that brought nothing
    credentials: tuple[Credentials, ...] = field(default=(), repr=False)  # all that the client was given
    tokens: KnownSecrets | None = field(default=None, repr=False)  # and must not give back, once it gives anything
    connection: PlatformConnection | None = None  # as it was when the platform was last called


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRunner:
    """Runs jobs, whatever a platform client does: it may raise, return nonsense, or be cancelled."""

    platforms: Platforms
    records: Records
    refresher: TokenRefresher
    vault: TokenVault
    clock: Clock

    def progress_of(self, claimed: ClaimedJob) -> RunProgress:
        return RunProgress(cursor=claimed.job.cursor, progressed_at=self.clock.monotonic())

    async def run(self, claimed: ClaimedJob, progress: RunProgress) -> AttemptResult:
        """The result of the attempt. Raises LeaseLost when the job is somebody else's by now: then there is none."""
        try:
            await self._sync(claimed, progress)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  foreign code runs in here: nothing it raises may end the daemon
            return self.failed(claimed, progress, error)
        return AttemptResult(
            lease=claimed.job.lease,
            outcome=Outcome.SUCCEEDED,
            records=progress.records,
            api_calls=progress.api_calls,
            simulated=progress.simulated,
        )

    def failed(self, claimed: ClaimedJob, progress: RunProgress, error: Exception) -> AttemptResult:
        """What becomes of an attempt that ended with this error."""
        job = claimed.job
        failure_class = _class_of(error)
        decision = retry.after_failure(
            failure_class,
            so_far=retry.Failures(without_progress=job.failures, with_progress=job.partial_failures),
            made_progress=progress.batches_stored > 0,
            retry_after=_retry_after(error, job.attempt),
            jitter=random.random(),  # noqa: S311  jitter, not a secret
        )
        result = AttemptResult(
            lease=job.lease,
            outcome=Outcome.RETRYING,
            records=progress.records,
            api_calls=progress.api_calls,
            simulated=progress.simulated,
            failures=decision.failures.without_progress,
            partial_failures=decision.failures.with_progress,
            error_class=failure_class,
            error_code=our_kind(error).code if isinstance(error, AnselError) else ClientBug.code,
            error_message=self._told(error, progress),
        )
        if isinstance(decision, retry.Retry):
            return replace(result, retry_in=decision.delay)
        expired = failure_class is FailureClass.AUTH
        return replace(
            result,
            outcome=Outcome.STALLED if isinstance(error, Stalled) else Outcome.FAILED,
            connection_status=ConnectionStatus.EXPIRED if expired else ConnectionStatus.ERROR,
            judged_token_version=(progress.connection or claimed.connection).token_version,
        )

    def released(self, claimed: ClaimedJob, progress: RunProgress) -> AttemptResult:
        """An attempt that ended because this worker stops: the job goes back as it was."""
        return AttemptResult(
            lease=claimed.job.lease,
            outcome=Outcome.RELEASED,
            records=progress.records,
            api_calls=progress.api_calls,
            simulated=progress.simulated,
            failures=claimed.job.failures,
            partial_failures=claimed.job.partial_failures,
            error_message="The scheduler stopped and gave the job back.",
        )

    def _told(self, error: Exception, progress: RunProgress) -> str:
        told = self.vault.tell(error, *progress.credentials)
        if isinstance(error, AnselError):
            return told
        return f"The platform client failed with {type(error).__name__}: {told}"

    async def _sync(self, claimed: ClaimedJob, progress: RunProgress) -> None:
        client = self.platforms.get(claimed.job.key.platform)
        connection = await self._with_a_living_token(claimed)
        try:
            await self._fetch(client, claimed, connection, progress)
        except AuthFailure:
            try:
                renewed = await self.refresher.refresh(connection.key, seen=connection)
            except NoRefreshToken:
                renewed = None
            if renewed is None:
                raise
            await self._fetch(client, claimed, renewed, progress)

    async def _with_a_living_token(self, claimed: ClaimedJob) -> PlatformConnection:
        now = claimed.job.started_at or self.clock.now()  # the store's instant, whatever our own clock says
        connection = await self.refresher.fresh(claimed.connection, now)
        if connection.status_at(now) is ConnectionStatus.EXPIRED:
            no_way = "The access token has expired and there is no refresh token. Connect the platform again."
            raise AuthFailure(connection.last_error or no_way)
        return connection

    async def _fetch(
        self, client: PlatformClient, claimed: ClaimedJob, connection: PlatformConnection, progress: RunProgress
    ) -> None:
        progress.connection = connection
        credentials = self.vault.open_credentials(connection)
        progress.credentials += (credentials,)
        progress.tokens = None
        request = FetchRequest(
            key=connection.key,
            account_id=connection.account_id,
            frequency=claimed.job.frequency,
            credentials=credentials,
            cursor=progress.cursor,
            now=self.clock.now(),
        )
        more_promised = False
        batches = client.fetch(request)
        if not isinstance(batches, AsyncIterator):
            raise ClientBug(f"The {client.info.label} client's fetch gives no asynchronous iterator.")
        try:
            async for batch in batches:
                more_promised = _checked(batch, progress.cursor).has_more
                await self._store(claimed, batch, progress)
        finally:
            if isinstance(batches, AsyncGenerator):
                await batches.aclose()  # at once, so that its cleanup runs here
        if more_promised:
            raise ClientBug(f"The {client.info.label} client promised more and then ended its stream.")

    async def _store(self, claimed: ClaimedJob, batch: Batch, progress: RunProgress) -> None:
        progress.api_calls += batch.api_calls
        progress.simulated = progress.simulated or batch.simulated
        if batch.records or batch.cursor != progress.cursor:
            if progress.tokens is None:
                progress.tokens = KnownSecrets.of(long_enough(progress.credentials))
            refuse_tokens(batch, progress.tokens)
            await self.records.store(claimed.job.lease, batch.records, batch.cursor)
            progress.records += len(batch.records)
            progress.batches_stored += 1
            progress.cursor = batch.cursor
            progress.progressed_at = self.clock.monotonic()
        elif progress.empty_handed:
            await asyncio.sleep(0)  # a client that yields nothing for ever must not hold up everybody else
        else:
            progress.empty_handed = True


def _checked(batch: object, cursor: str | None) -> Batch:
    """The batch, if it is one. Its type is what a plug-in claims, not what it does: hence the checks."""
    if not isinstance(batch, Batch) or not all(isinstance(each, RECORD_TYPES) for each in batch.records):
        raise ClientBug(f"The platform client returned {type(batch).__name__} where a Batch of records was due.")
    if batch.cursor is not None and not isinstance(batch.cursor, str):
        raise ClientBug("The platform client returned a cursor that is not text.")
    flags: tuple[object, ...] = (batch.has_more, batch.simulated)
    if not _is_count(batch.api_calls) or not all(isinstance(each, bool) for each in flags):
        raise ClientBug("The platform client returned a Batch whose api_calls is no count, or a flag no bool.")
    if batch.has_more and batch.cursor == cursor:
        raise Stalled("The sync made no progress: the platform promised more, but its cursor did not move.")
    return batch


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_API_CALLS


def _retry_after(error: Exception, attempt: int) -> timedelta | None:
    wait = error.retry_after if isinstance(error, RateLimited) else None
    if isinstance(error, PlatformPaused) and wait is not None:  # nobody knows how long: each wait is longer, up to some
        return max(wait, min(wait * attempt, LONGEST_WAIT))
    return wait if isinstance(wait, timedelta) else None


def _class_of(error: Exception) -> FailureClass:
    """What a client raises unforeseen, and whatever else we did not think of, counts as a bug: it is not repeated."""
    kind = our_kind(error) if isinstance(error, AnselError) else type(error)
    if issubclass(kind, PlatformFailure):
        return kind.failure_class
    match error:
        case StoreUnavailable() | RefreshInProgress() | TimeoutError():
            return FailureClass.TRANSIENT
        case TokenUnreadable() | UnknownPlatform() | ConnectionNotFound():
            return FailureClass.PERMANENT
    return FailureClass.BUG

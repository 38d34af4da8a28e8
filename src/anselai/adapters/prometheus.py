"""Telemetry for Prometheus. The names of the metrics are an interface: dashboards and alerts of operators use them."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from anselai.domain.frequency import Frequency
from anselai.domain.ports.telemetry import Exposition, RefreshOutcome, StoreState, Telemetry
from anselai.domain.sync_job import Outcome

Child = TypeVar("Child", bound=MetricWrapperBase)

OTHER: Final = "other"  # every platform that is not installed
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)  # seconds
_ENDINGS: Final = (Outcome.SUCCEEDED, Outcome.RETRYING, Outcome.FAILED, Outcome.STALLED, Outcome.RELEASED)
_MEDIA_TYPE: Final = re.compile(r"[a-z-]+/[a-z-]+(; [a-z]+=[a-z0-9.-]+)*")


class _Children(dict[tuple[str, ...], Child], Generic[Child]):
    """A metric's children by their labels, the platform first. Found here, they cost no lock and no copy of labels."""

    def __init__(self, metric: Child, platforms: Collection[str]) -> None:
        super().__init__()
        self.metric, self.platforms = metric, platforms

    def __missing__(self, labels: tuple[str, ...]) -> Child:
        platform, *rest = labels
        if platform not in self.platforms:
            return self.metric.labels(OTHER, *rest)
        child = self[labels] = self.metric.labels(*labels)
        return child


class PrometheusTelemetry(Telemetry):
    """One for each container, with a registry of its own. Counters start at 0, so that the first event is an increase.

    Labels are bounded by the installed platforms; a platform of another name counts as `other`.
    """

    __slots__ = ("_abandoned", "_api_errors", "_attempts", "_duration", "_lateness", "_refreshes", "_registry")

    def __init__(self, platforms: Collection[str]) -> None:
        names = frozenset(platforms)
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        attempts = Counter(
            "anselai_sync_attempts_total",
            "Attempts of this process that ended, by how.",
            ["platform", "frequency", "outcome"],
            registry=registry,
        )
        duration = Histogram(
            "anselai_sync_attempt_duration_seconds",
            "How long attempts of this process took.",
            ["platform", "frequency"],
            registry=registry,
            buckets=BUCKETS,
        )
        lateness = Histogram(
            "anselai_sync_lateness_seconds",
            "How long after their slot scheduled runs started in this process.",
            ["platform", "frequency"],
            registry=registry,
            buckets=BUCKETS,
        )
        refreshes = Counter(
            "anselai_token_refreshes_total",
            "Refreshes of tokens that this process asked platforms for, by what became of them.",
            ["platform", "outcome"],
            registry=registry,
        )
        self._abandoned = Counter(
            "anselai_sync_abandoned_attempts_total",
            "Attempts of any process whose lease ran out, and whose jobs this process brought back.",
            registry=registry,
        )
        self._api_errors = Counter(
            "anselai_api_errors_total", "Errors that the HTTP API answered with.", ["code"], registry=registry
        )
        self._attempts, self._duration = _Children(attempts, names), _Children(duration, names)
        self._lateness, self._refreshes = _Children(lateness, names), _Children(refreshes, names)
        for platform in sorted(names):
            for labels in product(Frequency, _ENDINGS):
                self._attempts[platform, *labels]
            for outcome in RefreshOutcome:
                self._refreshes[platform, outcome]

    def run_started(self, platform: str, frequency: Frequency, lateness: float) -> None:
        self._lateness[platform, frequency].observe(max(lateness, 0.0))

    def attempt_ended(self, platform: str, frequency: Frequency, outcome: Outcome, duration: float) -> None:
        self._attempts[platform, frequency, outcome].inc()
        self._duration[platform, frequency].observe(duration)

    def attempts_abandoned(self, number: int) -> None:
        self._abandoned.inc(number)

    def token_refreshed(self, platform: str, outcome: RefreshOutcome) -> None:
        self._refreshes[platform, outcome].inc()

    def api_error(self, code: str) -> None:
        self._api_errors.labels(code).inc()

    def exposition(self, store: StoreState | None, accept: str) -> Exposition:
        encode, media_type = _encoder(accept)
        return Exposition(media_type=media_type, text=encode(_Scrape(registry=self._registry, store=store)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scrape(Collector):
    """The registry's metrics and the store's, in one instant."""

    registry: CollectorRegistry
    store: StoreState | None

    def collect(self) -> Iterable[Metric]:
        for metric in self.registry.collect():
            # When each series began doubles the series, and a scraper knows it well enough.
            metric.samples = [each for each in metric.samples if not each.name.endswith("_created")]
            yield metric
        yield GaugeMetricFamily("anselai_store_up", "Whether the database answers.", value=self.store is not None)
        if self.store is not None:
            yield from _gauges(self.store)


def _gauges(store: StoreState) -> Iterator[Metric]:
    queue = store.queue
    jobs = GaugeMetricFamily(
        "anselai_sync_jobs",
        "Jobs of all studios: due, waiting for their time, running, and stalled (their lease ran out).",
        labels=["state"],
    )
    for state, number in (
        ("due", queue.due),
        ("waiting", queue.waiting),
        ("running", queue.running),
        ("stalled", queue.stalled),
    ):
        jobs.add_metric([state], number)
    yield jobs
    yield GaugeMetricFamily(
        "anselai_sync_oldest_due_age_seconds",
        "How long the longest due job of all studios has been due; 0 when none is.",
        value=queue.oldest_due_age.total_seconds(),
    )
    yield GaugeMetricFamily("anselai_sync_daemons", "Scheduler daemons that are alive.", value=store.daemons)
    seals = GaugeMetricFamily(
        "anselai_key_seals",
        "How often each encryption key has sealed at most; 4294967296 times (2^32) are safe.",
        labels=["key_id"],
    )
    for key_id, number in sorted(store.seals.items()):
        seals.add_metric([key_id], number)
    yield seals


def _encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """What the library makes of the header, unless that is nonsense: it compares versions that need not be numbers,
    and repeats them in its answer.
    """
    try:
        encode, media_type = choose_encoder(accept)
    except TypeError:
        return choose_encoder("")
    return (encode, media_type) if _MEDIA_TYPE.fullmatch(media_type) else choose_encoder("")

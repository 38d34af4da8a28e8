"""When syncs run next, and why, on the wire."""

from anselai.application.views import SyncExplanation
from anselai.entrypoints.http.schemas.shape import Output


class FrequencyExplanationJson(Output):
    frequency: str
    headline: str
    sentences: tuple[str, ...]


class ExplanationJson(Output):
    platform: str
    frequencies: tuple[FrequencyExplanationJson, ...]

    @classmethod
    def of(cls, explanation: SyncExplanation) -> "ExplanationJson":
        return cls(
            platform=explanation.platform,
            frequencies=tuple(
                FrequencyExplanationJson(frequency=each.frequency, headline=each.headline, sentences=each.sentences)
                for each in explanation.frequencies
            ),
        )

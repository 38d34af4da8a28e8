"""`anselai sync pause|resume|cancel|explain`: what an operator does about a platform's syncs."""

from collections.abc import Sequence

import click

from anselai.application.ansel import Ansel
from anselai.application.phrases import listed
from anselai.application.views import SwitchedSchedule, SyncExplanation
from anselai.domain.frequency import Frequency
from anselai.entrypoints.cli.output import cell, json_option, print_json
from anselai.entrypoints.cli.session import say, with_ansel

FREQUENCY = click.Choice([each.value for each in Frequency])


@click.command()
@click.argument("platform")
@click.option("--frequency", type=FREQUENCY, help="This schedule only.")
@json_option
def pause(*, platform: str, frequency: str | None, as_json: bool) -> None:
    """Switch PLATFORM's schedules off. A sync that is queued or running goes on."""

    async def act(ansel: Ansel) -> tuple[Sequence[SwitchedSchedule], SyncExplanation]:
        return await ansel.scheduler.pause(platform, frequency), await ansel.scheduler.explain(platform)

    _print_switched(*with_ansel(act), as_json=as_json, word="Paused")


@click.command()
@click.argument("platform")
@click.option("--frequency", type=FREQUENCY, help="This schedule only.")
@json_option
def resume(*, platform: str, frequency: str | None, as_json: bool) -> None:
    """Switch PLATFORM's schedules on again, whyever they were off, and tell when they run next."""

    async def act(ansel: Ansel) -> tuple[Sequence[SwitchedSchedule], SyncExplanation]:
        return await ansel.scheduler.resume(platform, frequency), await ansel.scheduler.explain(platform)

    _print_switched(*with_ansel(act), as_json=as_json, word="Resumed")


@click.command()
@click.argument("platform")
@click.option("--frequency", type=FREQUENCY, help="This sync only.")
@json_option
def cancel(*, platform: str, frequency: str | None, as_json: bool) -> None:
    """Cancel PLATFORM's syncs that are queued or running. Its schedules stay on."""
    from anselai.entrypoints.http.schemas.sync import JobJson

    jobs = with_ansel(lambda ansel: ansel.scheduler.cancel(platform, frequency))
    if as_json:
        print_json([JobJson.of(each) for each in jobs])
    elif jobs:
        for each in jobs:
            say(f"Cancelled the {each.frequency} sync of {platform}, {_at(each.attempt)}: job {each.id}.")
    else:
        say(f"Nothing to cancel: no {frequency or ''} sync of {platform} is queued or running.".replace("  ", " "))


@click.command()
@click.argument("platform")
@json_option
def explain(*, platform: str, as_json: bool) -> None:
    """Tell when each sync of PLATFORM runs next, and why the last ones went as they did."""
    from anselai.entrypoints.http.schemas.explanation import ExplanationJson

    explanation = with_ansel(lambda ansel: ansel.scheduler.explain(platform))
    if as_json:
        print_json(ExplanationJson.of(explanation))
        return
    for each in explanation.frequencies:
        say("\n".join([cell(each.headline), *(f"  {cell(sentence)}" for sentence in each.sentences)]))


def _print_switched(
    switched: Sequence[SwitchedSchedule], explanation: SyncExplanation, *, as_json: bool, word: str
) -> None:
    from anselai.entrypoints.http.schemas.sync import SwitchedScheduleJson

    if as_json:
        print_json([SwitchedScheduleJson.of_switched(each) for each in switched])
        return
    changed = [each.schedule.frequency for each in switched if each.changed]
    already = [each.schedule.frequency for each in switched if not each.changed]
    told = [f"{word}: {listed(changed)}." if changed else "", f"{word} already: {listed(already)}." if already else ""]
    say(" ".join(filter(None, told)))
    for each in explanation.frequencies:
        if each.frequency in changed + already:
            say(f"  {cell(each.headline)}")


def _at(attempt: int) -> str:
    return f"at attempt {attempt}" if attempt else "before it started"

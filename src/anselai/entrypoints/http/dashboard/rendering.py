"""Templates, and how they say times, sums and what is wrong with a field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from anselai.application.phrases import counted, distance
from anselai.domain.errors import Problem
from anselai.domain.ports.clock import Clock
from anselai.entrypoints.http.caller import caller_of
from anselai.entrypoints.http.dashboard.assets import Assets
from anselai.entrypoints.http.session import SessionCookies
from anselai.entrypoints.http.signed_in import OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Renders templates. Everything that is put into one is escaped."""

    templates: Environment
    clock: Clock
    cookies: SessionCookies

    @classmethod
    def over(cls, clock: Clock, assets: Assets, cookies: SessionCookies) -> "Pages":
        templates = Environment(
            loader=PackageLoader("anselai.entrypoints.http.dashboard", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        templates.globals["asset"] = assets.address
        templates.filters.update(moment=moment, money=money, at=problems_at, whole=whole, counted=counted)
        return cls(templates=templates, clock=clock, cookies=cookies)

    def render(
        self,
        request: Request,
        template: str,
        *,
        http_status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: object,
    ) -> HTMLResponse:
        caller = caller_of(request.scope)
        session = None if caller is None else caller.session
        text = self.templates.get_template(template).render(
            now=self.clock.now(),
            form_token="" if session is None else self.cookies.form_token(session),
            is_in=caller is not None and caller.principal is not None,
            can_sign_out=caller is not None and caller.principal not in (None, OFF),
            **context,
        )
        return HTMLResponse(text, http_status, headers)


def moment(instant: datetime, now: datetime, zone: str = "UTC") -> Markup:
    """An instant as a person reads it, in that zone, and how far away it is."""
    local = instant.astimezone(ZoneInfo(zone))
    machine = instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    text = f"{local.day} {local:%b %Y, %H:%M}{' UTC' if zone == 'UTC' else ''}"
    return Markup('<time datetime="{}">{}</time> {} <span class="away">{}</span>').format(
        machine, text, "" if zone == "UTC" else zone, distance(instant - now)
    )


def money(sums: Sequence[object]) -> str:
    return ", ".join(f"{each.amount:,.2f} {each.currency}" for each in sums) or "0"  # type: ignore[attr-defined]


def whole(number: object) -> str:
    return f"{number:,}"


def problems_at(problems: Sequence[Problem], path: str) -> list[str]:
    """What is wrong with a field or with one of its items."""
    return [each.message for each in problems if each.path == path or each.path.startswith(f"{path}[")]

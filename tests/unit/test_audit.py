"""`make audit` is only content with what it was told: silence is no good news."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import audit.__main__ as auditing
from audit.__main__ import FINE, FLAWED, UNKNOWN, judged

SOUND = {"name": "click", "version": "8.5.1", "vulns": []}
FLAW = {"id": "PYSEC-2030-1", "aliases": ["CVE-2030-1"], "fix_versions": ["9.9"], "description": ""}
FLAWY = {"name": "jinja2", "version": "3.1.6", "vulns": [FLAW]}
SKIPPED = {"name": "mako", "skip_reason": "Dependency not found and could not be audited: mako (1.4.3)"}


def said(*packages: Mapping[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (said(SOUND), FINE, "requirements.lock: no known flaw"),
        (said(SOUND, FLAWY), FLAWED, "jinja2 3.1.6 has PYSEC-2030-1, CVE-2030-1; mended in 9.9"),
        (said(SOUND, SKIPPED), UNKNOWN, "could not be checked. Dependency not found"),
        (said(SKIPPED, FLAWY), FLAWED, "jinja2 3.1.6 has"),
        (said(), UNKNOWN, "No package was looked up."),
        ("", UNKNOWN, "could not be checked. No source of advisories answers: no route"),
        ("[]", UNKNOWN, "could not be checked."),
    ],
)
def test_only_what_was_looked_up_is_called_sound(
    answer: str, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(auditing, "asked", lambda _lock, _source: judged(answer, "Traceback\nno route"))
    assert auditing.audit("requirements.lock") == code
    assert told in capsys.readouterr().out


def test_the_worst_of_all_locks_counts_and_each_of_them_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = dict.fromkeys(auditing.LOCKS, FINE)
    monkeypatch.setattr(auditing, "audit", codes.__getitem__)
    assert auditing.main() == FINE
    codes["bench/requirements.lock"] = UNKNOWN
    assert auditing.main() == UNKNOWN
    codes["requirements.lock"] = FLAWED
    assert auditing.main() == FLAWED
    root = Path(__file__).parents[2]
    locks = (*root.glob("*.lock"), *root.glob("*/*.lock"))
    assert set(auditing.LOCKS) == {str(each.relative_to(root)) for each in locks}


def test_without_the_tool_it_could_not_be_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(auditing, "PIP_AUDIT", tmp_path / "nothing-here")
    assert "cannot be run" in auditing.asked("requirements.lock", "pypi").unknown[0]

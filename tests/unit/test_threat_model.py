"""The threat model names tests that there are, and what it links to is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "docs" / "threat-model.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_each_defence_names_its_test() -> None:
    defended = MODEL.read_text().partition("## What is defended")[2].partition("## What is not defended")[0]
    rows = [line for line in defended.splitlines() if line.startswith("| ") and not line.startswith("| Threat")]
    assert len(rows) > 20
    assert [row for row in rows if not NAMED.search(row)] == []


@pytest.mark.parametrize(("file", "test"), sorted(set(NAMED.findall(MODEL.read_text()))))
def test_it_is_there(file: str, test: str) -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = ast.walk(ast.parse((ROOT / file).read_text()))
    assert test in {node.name for node in found if isinstance(node, functions)}


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/threat-model.md"])
def test_what_the_pages_link_to_is_there(page: str) -> None:
    links = re.findall(r"\]\(([\w./-]+\.md)", (ROOT / page).read_text())
    assert links
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []

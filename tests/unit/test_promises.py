"""What `make promises` will break is there to be broken, and so is the test that has to notice."""

import ast
from pathlib import Path

import pytest

from promises.__main__ import ROOT, Break, listed

BREAKS = listed()
CONTRACTS = sorted((ROOT / "tests" / "contracts").glob("*_contract.py"))  # every store and cipher inherits their tests


@pytest.fixture(scope="module")
def inherited() -> set[str]:
    return {name for path in CONTRACTS for name in functions_of(path)}


@pytest.mark.parametrize("file", sorted({each.file for each in BREAKS}))
def test_each_line_stands_once_in_its_file(file: str) -> None:
    whole = (ROOT / file).read_text()
    assert [each.line for each in BREAKS if each.file == file and whole.count(each.line) != 1] == []


@pytest.mark.parametrize("file", sorted({each.test.partition("::")[0] for each in BREAKS}))
def test_each_test_is_in_its_file(file: str, inherited: set[str]) -> None:
    named = {name for each in BREAKS if each.test.startswith(file) for name in name_of_test(each)}
    assert named - functions_of(ROOT / file) - inherited == set()


def test_each_break_changes_something() -> None:
    assert [each.line for each in BREAKS if each.line == each.broken] == []


def name_of_test(each: Break) -> set[str]:
    """None for a break that any test of a file may notice."""
    return set(each.test.partition("[")[0].split("::")[1:][-1:])


def functions_of(path: Path) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, functions)}

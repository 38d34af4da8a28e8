"""A secret prints nothing, wherever it is put by accident."""

import copy
import json
import logging
import pickle
from dataclasses import asdict

import msgspec
import pytest

from anselai.domain.connection import Credentials
from anselai.domain.secret import Secret

CANARY = "canary-0123456789"


def test_no_way_of_printing_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(CANARY)
    logging.getLogger("anselai").error("%s %r %s", secret, secret, Credentials(access_token=secret))
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>80}", f"{[secret]}", f"{secret:x}", caplog.text]
    assert not any(CANARY in text for text in shown)


def test_it_cannot_be_pickled_or_encoded() -> None:
    secret = Secret(CANARY)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises((TypeError, msgspec.MsgspecError)):
        msgspec.json.encode(secret)
    with pytest.raises(TypeError):
        secret.__getstate__()


def test_its_copies_are_itself() -> None:
    secret = Secret(CANARY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    taken_apart = asdict(Credentials(access_token=secret))
    assert CANARY not in repr(taken_apart)
    with pytest.raises(TypeError):
        json.dumps(taken_apart)


def test_half_of_a_surrogate_pair_does_not_make_it_talk() -> None:
    assert Secret(f"{CANARY}\ud800") != Secret(CANARY)


def test_it_has_no_attribute_that_shows_it() -> None:
    secret = Secret(CANARY)
    with pytest.raises(TypeError):
        vars(secret)
    public = [name for name in dir(secret) if not name.startswith("_")]
    assert public == ["reveal"]


def test_equal_texts_are_equal_secrets() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")

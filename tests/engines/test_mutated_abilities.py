"""The suite is tested by mutation, on the engines of the run: a fast way that declines or gives too little fails it."""

from __future__ import annotations

from typing import Any

import pytest

from dbfleet.abilities import members
from dbfleet.adapter import Adapter, Written
from dbfleet.conformance.held import MAY_DECLINE, declined, filled, needed, plain_schema
from dbfleet.conformance.plugin import Make

ABILITIES = pytest.mark.parametrize("ability", MAY_DECLINE, ids=lambda ability: ability.__name__)


@ABILITIES
def test_an_ability_that_always_declines_is_missed(
    adapter: Adapter, ability: type, made: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed(adapter, ability)
    schema = filled(adapter, made(plain_schema(name)))
    (method,) = members(ability)
    monkeypatch.setattr(type(adapter), method, lambda *_, **__: None)
    assert declined(adapter, ability, schema)


@ABILITIES
def test_an_ability_that_gives_nothing_is_missed(
    adapter: Adapter, ability: type, made: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed(adapter, ability)
    schema = filled(adapter, made(plain_schema(name)))
    (method,) = members(ability)
    empty: Any = {"narrow": {}, "write_lines": Written(1)}.get(method, [])
    monkeypatch.setattr(type(adapter), method, lambda *_, **__: iter(empty) if empty == [] else empty)
    assert declined(adapter, ability, schema)

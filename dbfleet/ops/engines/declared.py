"""What each engine can do and how exactly it keeps each type, read from the specs; nothing runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from dbfleet import registry
from dbfleet.abilities import WORDS
from dbfleet.spec import EngineSpec, Limits


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine's declarations: every field of Limits, None where there is none, and the fidelity of each type."""

    engine: str
    title: str
    paradigm: str
    language: str
    capabilities: Sequence[str]
    limits: Mapping[str, int | bool | None]
    types: Mapping[str, str]
    guard: str
    guard_note: str
    quirks: Sequence[str]
    verified_on: Sequence[str]
    aliases: Sequence[str]
    schemes: Sequence[str]
    driver: str


def engines(names: Sequence[str] = ()) -> Iterator[Engine]:
    """Every engine, or the named ones (aliases too). UnknownEngine, with the nearest name, for what is none."""
    for spec in [registry.spec(name) for name in names] or registry.every():
        yield _engine(spec)


def unusable() -> Sequence[str]:
    """What installed packages offer and cannot be used, in words that name the package and say why."""
    return [offer.trouble.message for offer in registry.outside() if offer.trouble is not None]


def _engine(spec: EngineSpec) -> Engine:
    limits = {each.name: getattr(spec.limits, each.name) for each in fields(Limits)}
    return Engine(
        spec.name,
        spec.title,
        spec.paradigm,
        spec.language,
        sorted({*spec.capabilities, *(word for ability, word in WORDS.items() if ability in spec.abilities)}),
        limits,
        {type_: spec.fidelity(type_).value for type_ in sorted(spec.types)},
        spec.guard,
        spec.guard_note,
        spec.quirks,
        spec.verified_on,
        spec.aliases,
        spec.schemes,
        spec.driver,
    )

"""What tables need of a server and do not own: its character sets, types of its later versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dbfleet.engines.oracle.native.catalog import CHARACTERS
from dbfleet.engines.oracle.native.values import CLOSED
from dbfleet.engines.oracle.tables import Ask
from dbfleet.outline import Step

TEXTS: Final = frozenset({"VARCHAR2", "CHAR", "NVARCHAR2", "NCHAR", "CLOB", "NCLOB", "LONG"})
IMMUTABLE: Final = "immutable"
_SINCE: Final[Mapping[str, int]] = {"BOOLEAN": 23}
"""The version that has brought a type."""
ASKED: Final = CLOSED | _SINCE.keys()
"""The types that are asked for."""
_ALL: Final = frozenset({"AL32UTF8", "AL16UTF16"})
"""The character sets that have all of Unicode."""


def steps(
    ask: Ask, types: Mapping[str, Sequence[str]], texts: Sequence[str], immutable: Sequence[str]
) -> Iterator[Step]:
    """What these tables need, a step each: it makes nothing, a server has it or lacks it. No server has what is not
    carried: those tables go by the closed set."""
    for name, by in types.items():
        yield _needed("type", name, by)
    if immutable:
        yield _needed(IMMUTABLE, "rows", immutable)
    if texts:
        for _, value in ask(CHARACTERS):
            yield _needed("character set", value, texts)


def _needed(kind: str, name: str, by: Sequence[str]) -> Step:
    return Step("before", kind, "", f"{kind} {name}", "", makes=((kind, name),), shared=True, needed_by=tuple(by))


def lacking(ask: Ask, version: int, all_steps: Sequence[Step]) -> dict[str, str]:
    """Of these steps those that this server cannot take, by their marks, and why."""
    wanted = [(step, step.makes[0]) for step in all_steps if step.shared and not step.text and step.makes]
    found = {
        step.mark: f"a server has from version {_SINCE[name]} on"
        for step, (kind, name) in wanted
        if kind == "type" and version < _SINCE.get(name, 0)
    }
    found |= {step.mark: "is not carried" for step, (kind, name) in wanted if kind == "type" and name in CLOSED}
    found |= {step.mark: "are not carried" for step, (kind, _) in wanted if kind == IMMUTABLE}
    if any(kind == "character set" for _, (kind, _) in wanted):
        there = {value for _, value in ask(CHARACTERS)}
        # It would keep another character for one that it lacks, and say nothing.
        narrow = not there <= _ALL
        found |= {
            step.mark: f"has characters that the sink's {', '.join(sorted(there - _ALL))} may lack"
            for step, (kind, name) in wanted
            if kind == "character set" and narrow and name not in there
        }
    return found

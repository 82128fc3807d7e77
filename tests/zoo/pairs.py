"""One pair of the zoo: everything of the source goes into the sink and, where the source has columns, home again; what
the run has found, and the two files of the package that keep it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from dbfleet import registry
from dbfleet.abilities import CarriesExtras, able
from dbfleet.ops.engines import cells, proofs
from dbfleet.ops.engines.cells import Line
from dbfleet.ops.engines.proofs import Beyond, By, Kind, Proof
from dbfleet.target import Target
from dbfleet.values import Column, Schema, Type, json_text
from tests.zoo.walk import Ran, run
from tests.zoo.zoos import Things, Value, Zoo, zoo
from tests.zoo.zoos import run as ask

REFUSED = (5, 6)
"""The exit codes of a copy that says by name what it does not take: rows, by their keys, or all of a column."""


REAL: Sequence[By] = ("real", "stand-in", "double")


@dataclass
class Found:
    """What a pair's run has found: the values that the sink refused, by the name of their type, and all that is neither
    carried nor named, in words."""

    refused: dict[str, list[str]] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def refuses(self, value: Value, line: Line) -> None:
        words = value.words[0].partition("{key} ")[2] if isinstance(value.words, tuple) else value.words
        self.refused.setdefault(line.type, []).append(str(words))

    def trouble(self, value: Value, line: Line, words: str) -> None:
        self.troubles.append(f"{line.type} ({line.fidelity}, {line.note}): {value.words!r} {words}")


@contextmanager
def housed(target: Target, name: str) -> Iterator[Zoo]:
    """The engine's zoo on its target, in the collection `name`, or in those that begin with it."""
    found = zoo(target.engine)
    with registry.connect(target) as adapter:
        for each in names(found, name):
            adapter.drop(each)
        found.make(adapter, name, found.kinds)
        found.fill(adapter, name, found.values)
    try:
        yield found
    finally:
        drop(target, names(found, name))


def names(found: Zoo, name: str) -> list[str]:
    return [f"{name}_{kind}" for kind in found.kinds] if found.apart else [name]


def drop(target: Target, collections: Sequence[str]) -> None:
    with registry.connect(target) as adapter:
        for each in collections:
            adapter.drop(each)


def described(target: Target, found: Zoo, name: str, other: Target) -> list[Kind]:
    """The kinds of the zoo as the server describes them; what becomes of what is beyond is seen on the way into
    `other`, a target of another engine."""
    with registry.connect(target) as adapter:
        if found.apart:
            columns = {kind: _value_of(adapter.describe(f"{name}_{kind}")) for kind in found.kinds}
        else:
            columns = {column.name: column for column in adapter.describe(name).columns}
    assert set(columns) >= set(found.kinds)
    return [
        Kind(
            found.engine,
            kind.words,
            columns[each],
            {str(words): _beyond(target, other, found, Value(1, each, words)) for words in kind.beyond},
            found.mark,
        )
        for each, kind in found.kinds.items()
    ]


def _value_of(schema: Schema) -> Column:
    return next(column for column in schema.columns if column.name not in (*schema.key, "type"))


def _beyond(source: Target, sink: Target, found: Zoo, value: Value) -> Beyond:
    ran = alone(source, sink, found, value)
    assert value.column in ran.err, (value, ran)
    if ran.code in REFUSED:
        return "refused"
    assert ran.code == 0, (value, ran)
    assert f"{value.column}  " in ran.err, (value, ran)
    told: list[Beyond] = [word for word in ("as text", "rounded") if word in ran.err]
    assert told, (value, ran)
    return told[0]


def alone(source: Target, sink: Target, found: Zoo, value: Value) -> Ran:
    """The copy of a collection that holds this value and no other."""
    name, there = ("zoo_alone", f"zoo_alone_in_{sink.engine}")
    suffix = f"_{value.column}" if found.apart else ""
    with part(source, found, name, [value], [value.column]):
        try:
            return _copy(source, f"{name}{suffix}", sink, f"{there}{suffix}")
        finally:
            drop(sink, [f"{there}{suffix}"])


@contextmanager
def part(source: Target, found: Zoo, name: str, values: Sequence[Value], columns: Sequence[str]) -> Iterator[None]:
    """Some values of the zoo, in a collection of these columns, or collections of these kinds."""
    there = [f"{name}_{kind}" for kind in columns] if found.apart else [name]
    with registry.connect(source) as adapter:
        for each in there:
            adapter.drop(each)
        found.make(adapter, name, {column: found.kinds[column] for column in columns})
        found.fill(adapter, name, values)
    try:
        yield
    finally:
        drop(source, there)


def gone(source: Target, sink: Target, found: Zoo, name: str) -> Found:
    """The zoo `name` of the source into the sink, with all that is neither carried nor named. Nothing of it stays
    there."""
    result = Found()
    specs = registry.spec(source.engine), registry.spec(sink.engine)
    lines = dict(zip(found.kinds, cells.lines_of(*specs), strict=True))
    there = name if source.engine == sink.engine and source != sink else f"{name}_in_{sink.engine}"
    ways = [[kind] for kind in found.kinds] if found.apart else [list(found.kinds)]
    for columns in ways:
        _way(source, sink, found, {column: lines[column] for column in columns}, (name, there), result)
    return result


def elsewhere(target: Target) -> Target:
    """A second place on the same server, for a copy into itself that keeps names; the target where its collections can
    have other names."""
    return replace(target, name=f"{target.name}9", database="9") if target.engine == "redis" else target


def _way(
    source: Target, sink: Target, found: Zoo, lines: Mapping[str, Line], places: tuple[str, str], result: Found
) -> None:
    """One collection there and back. A value that ends the copy with the name of its column is left out, and the rest
    goes once more."""
    suffix = f"_{next(iter(lines))}" if found.apart else ""
    name, there = places
    values = [value for value in found.values if value.column in lines]
    with ExitStack() as stack:
        stack.callback(drop, sink, [there + suffix])
        copied = _copy(source, name + suffix, sink, there + suffix)
        while copied.code in REFUSED and not copied.out:
            ending = _ending(source, sink, found, values, copied)
            for value in ending:
                result.refuses(value, lines[value.column])
            if not ending:
                result.troubles.append(f"{copied.err} and no value alone does so")
                return
            values = [value for value in values if value not in ending]
            name = f"{places[0]}_part"
            stack.enter_context(part(source, found, name, values, list(lines)))
            copied = _copy(source, name + suffix, sink, there + suffix)
        missing = _missing(sink, there + suffix, values, copied, result)
        for value in missing:
            result.refuses(value, lines[value.column])
        values = [value for value in values if value not in missing]
        compare = _as_rows if found.apart else _as_said
        compare(source, sink, found, lines, (name + suffix, there + suffix), values, result)


def _ending(source: Target, sink: Target, found: Zoo, values: Sequence[Value], copied: Ran) -> list[Value]:
    """The values that end a copy by themselves, of the columns that its error names."""
    named = [value for value in values if found.apart or value.column in copied.err.partition("dbfleet: ")[2]]
    return [value for value in named if alone(source, sink, found, value).code in REFUSED]


def _as_said(
    source: Target,
    sink: Target,
    found: Zoo,
    lines: Mapping[str, Line],
    places: tuple[str, str],
    values: Sequence[Value],
    result: Found,
) -> None:
    """What the source's server says of each value, before and after its way; natively, what the other one says."""
    name, there = places
    assert found.said
    with ExitStack() as stack:
        after_of, place = sink, there
        if any(line.fidelity != "native" for line in lines.values()):
            after_of, place = source, f"{name}_back"
            only_read = stack.enter_context(_home(sink, there, source, place, found, list(lines)))
            lines = {column: line for column, line in lines.items() if column not in only_read}
            values = [value for value in values if value.column in lines]
        with registry.connect(source) as adapter:
            before = found.said(adapter, name, list(lines))
        with registry.connect(after_of) as adapter:
            after = found.said(adapter, place, list(lines))
    for value in values:
        line = lines[value.column]
        if after.get(value.id) is None:
            if "becomes NULL" in (line.note or ""):
                continue
            result.trouble(value, line, "did not come home")
        elif _changes(line) or (found.typeless and line.fidelity == "as text"):
            continue
        elif after[value.id] != before[value.id]:
            result.trouble(value, line, f"was {before[value.id]!r} and came home as {after[value.id]!r}")


@contextmanager
def _home(
    sink: Target, there: str, source: Target, place: str, found: Zoo, columns: Sequence[str]
) -> Iterator[set[str]]:
    """The way back into an empty collection of the source's own types; gives the columns that dbfleet reads and does
    not write, as it has said of each: those are texts there."""
    only_read: set[str] = set()
    while True:
        kinds = {each: replace(kind, words="text") if each in only_read else kind for each, kind in found.kinds.items()}
        with part(source, replace(found, kinds=kinds), place, [], columns):
            returned = _copy(sink, there, source, place)
            said = re.search(r"column (\w+) is .*, which dbfleet reads and does not write", returned.err)
            if not said:
                assert returned.code == 0, returned
                yield only_read
                return
            assert returned.code in REFUSED, returned
            only_read.add(said[1])


def _changes(line: Line) -> bool:
    """Whether the line says that values are changed."""
    return line.fidelity == "rounded" or bool(re.search(r"\bgo(es)?\b", line.note or ""))


def _as_rows(
    source: Target,
    sink: Target,
    found: Zoo,
    lines: Mapping[str, Line],
    places: tuple[str, str],
    values: Sequence[Value],
    result: Found,
) -> None:
    """What each value must be in the closed set is what the sink has."""
    (line,) = lines.values()
    rows = dict(_rows(sink, places[1]))
    for value in values:
        came, wanted = rows.get(value.id), found.values[value.id - 1].words[1]
        if not _changes(line) and (came is None or _plain(came) != _plain(wanted)):
            result.trouble(value, line, f"came as {came}")


def _rows(target: Target, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows by the number of their value, which ends the key."""
    with registry.connect(target) as adapter:
        schema = adapter.describe(name)
        for batch in adapter.scan(schema):
            for values in batch:
                row = dict(zip(schema.names, values, strict=True))
                key = str(row.pop(schema.key[0]))
                yield int(key.rpartition(":")[2]), row


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose nested values are JSON."""
    nested = (list, dict)
    return {name: json_text(value) if isinstance(value, nested) else value for name, value in row.items()}


def _copy(source: Target, name: str, sink: Target, there: str) -> Ran:
    ways = [f"{target.url(reveal=True)}#{each}" for target, each in ((source, name), (sink, there))]
    return run("copy", *ways, "--verify", "--yes", "--format", "jsonl")


def _missing(sink: Target, there: str, values: Sequence[Value], copied: Ran, result: Found) -> list[Value]:
    """The values whose rows the sink has refused: as many as the copy has told, and no other is missing."""
    assert copied.code in (0, *REFUSED), copied
    told = json.loads(copied.out.splitlines()[0])
    here = {key for key, _ in _rows(sink, there)}
    missing = [value for value in values if value.id not in here]
    if len(missing) != told["rejected"]:
        words = ", ".join(f"{value.column} {value.words!r}" for value in missing)
        result.troubles.append(f"{told['rejected']} rows were refused, and these are missing: {words}")
    return missing


def things_gone(source: Target, sink: Target, things: Things) -> list[str]:
    """What a collection has besides its rows and what neither came along nor was told, in words."""
    name, par = f"zoo_things_{source.engine}", f"zoo_par_{source.engine}"
    with registry.connect(source) as adapter:
        for statement in (*things.gone, *things.statements):
            ask(adapter, statement.format(name=name, par=par))
    try:
        ways = source.url(reveal=True), sink.url(reveal=True)
        ran = run("copy", *ways, name, par, "--verify", "--yes")
        assert ran.code == 0, ran
        receipt = json.loads(next(line for line in ran.err.splitlines() if line.startswith('{"receipt"')))
        came = {each["collection"]: each["extras"] for each in receipt["collections"]}
        told = [*receipt["left"], *came[name]]
        missing = [each for each in things.told if not any(each.format(name=name) in text for text in told)]
        with registry.connect(sink) as adapter:
            carrying = able(adapter, CarriesExtras)
            there = {str(extra) for each in came for extra in (carrying.extras(each).has if carrying else ())}
        # Where every integer key counts up, a table of ours says of none that it was asked to.
        lacking = [each for each in came[name] if each not in there and not each.startswith("identity")]
        return missing + [f"{each} is told to have come along" for each in lacking]
    finally:
        drop(sink, [name, par])
        with registry.connect(source) as adapter:
            for statement in things.gone:
                ask(adapter, statement.format(name=name, par=par))


def by(product: str) -> By:
    """What a server is, by what it calls itself."""
    return "double" if "double" in product.lower() else "stand-in" if "stand-in" in product.lower() else "real"


def proof(source: Target, sink: Target, answers: tuple[str, str], found: Found) -> Proof:
    specs = registry.spec(source.engine), registry.spec(sink.engine)
    return Proof(
        source.engine, sink.engine, answers, (by(answers[0]), by(answers[1])), cells.mark(*specs), found.refused
    )


# --- the two files --------------------------------------------------------------------------------------------------


def write_kinds(engine: str, kinds: Sequence[Kind]) -> None:
    """Put the engine's kinds on record in place of those that are there."""
    every = {**proofs.kinds(), engine: kinds}
    lines = [json.dumps(_kind_record(kind), ensure_ascii=False) for name in sorted(every) for kind in every[name]]
    proofs.KINDS.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    proofs.kinds.cache_clear()


def write_proof(new: Proof) -> None:
    """Put the pair on record in place of what is there; what was proven of the same on a more real server stays."""
    known = proofs.proofs().get((new.source, new.sink))
    if known and known.cell == new.cell and REAL.index(known.weakest) < REAL.index(new.weakest):
        return
    every = {**proofs.proofs(), (new.source, new.sink): new}
    lines = [json.dumps(asdict(every[pair]), ensure_ascii=False) for pair in sorted(every)]
    proofs.PROOFS.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    proofs.proofs.cache_clear()


def _kind_record(kind: Kind) -> dict[str, Any]:
    column = {name: value for name, value in asdict(kind.column).items() if value is not None and value is not False}
    column["nullable"] = kind.column.nullable
    return {"engine": kind.engine, "type": kind.type, "column": column, "beyond": kind.beyond, "zoo": kind.zoo}


def plain(column: Column) -> dict[str, Any]:
    """All that a column says, its native type and its note too."""
    return {**asdict(column), "type": Type(column.type)}

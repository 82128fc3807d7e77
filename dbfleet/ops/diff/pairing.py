"""How two collections are paired: by which key, by which columns, and as which side keeps them; what differs between
the two schemas is told first, and what can be compared still is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from dbfleet.errors import UsageError, did_you_mean
from dbfleet.fidelity import TIMES, alike, coarse_of, coarsened, coarser, shared_digits
from dbfleet.lines import ORDERED
from dbfleet.ops.diff import expression
from dbfleet.ops.diff.differences import Difference
from dbfleet.ops.diff.lenient import EXACTLY, Lenient
from dbfleet.ops.diff.words import Pairing
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Column, Schema


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user chose: `columns` are the only ones that are compared, `ignore` are not; `where` chooses rows.
    `whole`: rows are read whole, whatever is compared of them; `besides` are read too, where a side has them; `lenient`
    is what is overlooked, `exclude` are patterns of collections that are not compared."""

    columns: Sequence[str] = ()
    ignore: Sequence[str] = ()
    where: str | None = None
    whole: bool = False
    besides: Sequence[str] = ()
    lenient: Lenient = EXACTLY
    exclude: Sequence[str] = ()

    def compares(self, name: str) -> bool:
        """Whether a column that is no part of the key is compared."""
        return name in self.columns if self.columns else name not in self.ignore


def schema_differences(a: Schema, b: Schema) -> Iterator[Difference]:
    """The columns that one side lacks or types otherwise, and keys of other columns."""
    for name in dict.fromkeys((*a.names, *b.names)):
        sides = [
            {"column": name, "type": str(schema.column(name).type)} if name in schema.names else None
            for schema in (a, b)
        ]
        if sides[0] != sides[1] and not (all(sides) and alike(a.column(name), b.column(name))):
            yield Difference(a.name, None, "schema", sides[0], sides[1])
    if a.key != b.key and sorted(a.key) != sorted(b.key):
        yield Difference(a.name, None, "schema", {"key": list(a.key)}, {"key": list(b.key)})


def natively(a: Schema, b: Schema, mine: Schema, yours: Schema, choice: Choice) -> tuple[Schema, Schema]:
    """The two schemas with the columns as the engine has them (`mine`, `yours`), where both sides have the same there;
    the others, and those whose values we must know (of --where), stay as they are. Where the engine has columns that
    the closed set does not tell of, the rows are compared as it has them, unless others were chosen. What neither has
    there is its server's own, and no copy makes it the same (since when a row's version is): it is not compared."""
    if not set(mine.names) <= set(a.names) or not set(yours.names) <= set(b.names):
        return (mine, yours) if _only_natively(a, b, mine, yours, choice) else (a, b)
    known = set(choice.besides)
    if choice.where is not None:
        words = {word.lower() for word in expression.names(choice.where)}
        known |= {name for name in a.names if name.lower() in words}
    if set(mine.names) != set(a.names) or set(yours.names) != set(b.names):
        chosen = known or choice.columns or choice.ignore or choice.where is not None
        whole = [[(column.name, column.type, column.native) for column in each.columns] for each in (mine, yours)]
        return (a, b) if chosen or whole[0] != whole[1] or mine.key != yours.key else (mine, yours)
    same = {
        name
        for name in mine.names
        if name in yours.names and name not in known
        and (mine.column(name).type, mine.column(name).native) == (yours.column(name).type, yours.column(name).native)
    }  # fmt: skip
    found = [
        replace(schema, native=True, columns=tuple(
            native.column(column.name) if column.name in same else column
            for column in schema.columns
            if column.name in known or column.name in mine.names or column.name in yours.names
        ))
        for schema, native in ((a, mine), (b, yours))
    ]  # fmt: skip
    return found[0], found[1]


def _only_natively(a: Schema, b: Schema, mine: Schema, yours: Schema, choice: Choice) -> bool:
    chosen = {*choice.columns, *choice.ignore}
    return (
        [(each.name, each.type, each.native) for each in mine.columns]
        == [(each.name, each.type, each.native) for each in yours.columns]
        and a.key == b.key
        and mine.key == yours.key
        and mine.key in ((), a.key)  # without one: what `describe` calls the key is this server's own
        and choice.where is None
        and not choice.besides
        and chosen <= set(mine.names)
    )


def pairings(a: Schema, b: Schema, specs: tuple[EngineSpec, EngineSpec], choice: Choice) -> tuple[Pairing, Pairing]:
    """How each side is read. UsageError for a column that neither has, or that the choice of rows cannot see."""
    key = shared_key(a, b)
    common = [column.name for column in a.columns if column.name in b.names]
    for name in (*choice.columns, *choice.ignore):
        if name not in common:
            if name in a.names or name in b.names:
                continue  # told as a difference of the schemas
            raise UsageError(f"{a.name} has no column {name}", hint=did_you_mean(name, common))
    same = [name for name in common if a.column(name).type is b.column(name).type]
    comparable = [name for name in common if alike(a.column(name), b.column(name))]
    wanted = [name for name in comparable if name not in key and choice.compares(name)]
    as_text = tuple(name for name in common if name not in same and (name in key or name in wanted))
    tested: list[str] = []
    if choice.where is not None:
        # Read, and seen by the expression, but not compared.
        words = {word.lower() for word in expression.names(choice.where)}
        tested = [name for name in same if name.lower() in words and name not in key and name not in wanted]
        expression.parse(choice.where, [a.column(name) for name in (*same,)])
    chosen = bool(choice.columns or choice.ignore) and not choice.whole
    sides = []
    for schema, other, both in ((a, b, specs), (b, a, (specs[1], specs[0]))):
        compared = [*key, *wanted]
        partition = schema.partition or schema.key[:1]
        besides = [name for name in choice.besides if name in schema.names]
        more = list(dict.fromkeys([*besides, *(partition if chosen else schema.names)]))
        more = [name for name in more if name not in compared and name not in tested]
        read = [*compared, *tested, *more]
        sides.append(
            Pairing(
                schema.name,
                tuple(_alike(schema, name, other, both, whole=choice.whole) for name in read),
                len(compared),
                len(compared) + len(tested),
                tuple(range(len(key))),
                specs,
                as_text,
                choice.where,
                schema.edge,
                partition,
                choice.lenient,
                schema.native,
            )
        )
    return sides[0], sides[1]


def _alike(schema: Schema, name: str, other: Schema, specs: tuple[EngineSpec, EngineSpec], *, whole: bool) -> Column:
    """The column with what counts on both sides: digits of a second (with `whole` those that the columns have, whatever
    their engines keep), 24 bits of a float, no blanks that pad a text."""
    column = schema.column(name)
    yours = other.column(name) if name in other.names else None
    if yours is None or (schema.native and column.native == yours.native):
        return column
    if column.type in TIMES:
        digits = shared_digits((column, yours), () if whole else specs)
        return column if digits is None else replace(column, fraction_digits=digits)
    return replace(column, coarse=coarse_of((column, yours), specs)) if column.type is yours.type else column


def shared_key(a: Schema, b: Schema) -> tuple[str, ...]:
    """The key by which rows are paired: A's where B has its columns, else B's, else none."""
    for schema, other in ((a, b), (b, a)):
        if schema.key and set(schema.key) <= set(other.names):
            return schema.key
    return ()


def may_merge(a: Schema, b: Schema, sides: tuple[Pairing, Pairing]) -> bool:
    """Whether lines say all: both sides give the same columns, and one key orders both, which both keep whole."""
    mine, yours = sides
    return (
        bool(mine.key)
        and sorted(a.key) == sorted(b.key)
        and mine.where is None
        and not mine.as_text
        and [column.name for column in mine.columns] == [column.name for column in yours.columns]
        and not any(mine.columns[place].type is not yours.columns[place].type for place in range(len(mine.columns)))
        and all(mine.columns[place].type in ORDERED for place in mine.key)
        and not any(mine.lenient.fold(mine.columns[place]) for place in mine.key)
        and all(coarsened([each.columns[place] for place in each.key], *each.specs) is None for each in sides)
    )


def say_fidelity(
    a: Schema,
    b: Schema,
    pairing: Pairing,
    specs: tuple[EngineSpec, EngineSpec],
    targets: tuple[Target, Target],
    said: Callable[[str], None],
) -> None:
    """Tell each compared column of which one side keeps less than the other."""
    if pairing.lenient.tolerance is not None and not pairing.key:
        said(f"{a.name} has no key by which rows are paired: without one, numbers have to be equal")
    for name in (column.name for column in pairing.columns[: pairing.compared]):
        found = coarser((a.column(name), b.column(name)), specs)
        if found:
            side, how = found
            said(f"{a.name}.{name} is compared as {targets[side].name} keeps it: {how}")

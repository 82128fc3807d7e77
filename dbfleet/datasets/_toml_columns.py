"""The columns of a dataset file: each table becomes a generator and a column, or raises ConfigError."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any, Final

from dbfleet.datasets import generators as g
from dbfleet.datasets._toml import Place, Places, meant
from dbfleet.datasets.words import spread
from dbfleet.values import VALUE_OF, Column, Type, type_of

_COLUMN_KEYS: Final = ("type", "null", "length", "precision", "scale", "hidden")
_GENERATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "sequence": (),
    "number": (),
    "uuid": (),
    "choice": ("weights",),
    "range": (),
    "faker": ("locale", "arguments", "pool"),
    "reference": ("skew", "owner", "distinct"),
    "template": (),
    "json": (),
    "bytes": (),
}
"""The generators, each with the keys that go with it."""


@dataclass(frozen=True)
class Made:
    """A column, and the generator that makes its values."""

    column: Column
    generator: Any
    null: float
    hidden: bool


class Columns(Places):
    """Reads columns. The subclass that reads entities fills the three mappings."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text, file)
        self.entities: Mapping[str, Any] = {}
        self.made: dict[str, dict[str, Made]] = {}
        self.counted: dict[str, g.Counted] = {}

    def columns(self, entity: str, columns: Mapping[str, Any]) -> dict[str, Made]:
        """The columns of an entity, in an order in which each can be made from those before it."""
        place: Place = ("entities", entity, "columns")
        if not columns:
            self.wrong(place, "has no column")
        made: dict[str, Made] = {}
        for name, table in columns.items():
            self.name(name, (*place, name))
            if not isinstance(table, dict):
                self.wrong((*place, name), 'must be a table, as { faker = "name" }')
            made[name] = self._column(entity, name, table, columns, made)
        ordered: dict[str, Made] = {}
        for name in made:
            self._after_needs(name, made, ordered, (), place)
        return {name: ordered[name] for name in ordered}

    def _after_needs(
        self, name: str, made: Mapping[str, Made], ordered: dict[str, Made], asking: tuple[str, ...], place: Place
    ) -> None:
        if name in ordered:
            return
        if name in asking:
            self.wrong((*place, name), "is made of itself")
        for need in made[name].generator.needs:
            self._after_needs(need, made, ordered, (*asking, name), place)
        ordered[name] = made[name]

    def _column(
        self, entity: str, name: str, table: Mapping[str, Any], all_: Mapping[str, Any], before: Mapping[str, Made]
    ) -> Made:
        place: Place = ("entities", entity, "columns", name)
        chosen = [key for key in table if key in _GENERATORS]
        with_it = _GENERATORS[chosen[0]] if len(chosen) == 1 else ()
        self.known(table, place, (*_COLUMN_KEYS, *(chosen or _GENERATORS), *with_it))
        if len(chosen) != 1:
            what = f"has {' and '.join(chosen)}" if chosen else "has nothing that makes its values"
            self.wrong(place, what, f"say one of {', '.join(_GENERATORS)}")
        said = self.value(table, place, "type", str)
        if said is not None and said not in list(Type):
            self.wrong((*place, "type"), f"no type is called {said!r}", meant(said, list(Type)))
        maker = getattr(self, f"_{chosen[0]}")
        generator, type_ = maker(entity, place, table, Type(said) if said else None, all_, before)
        if said is not None and type_.value != said:
            self.wrong((*place, "type"), f"{chosen[0]} makes {type_.value} here, not {said}")
        null = self.value(table, place, "null", (int, Decimal), 0)
        if not 0 <= null <= 1:
            self.wrong((*place, "null"), f"is a share from 0 to 1, not {null}")
        own = getattr(generator, "own", False)
        if own and not null:
            self.wrong(place, "the first row can refer to no earlier one", "give it a share of nulls: null = 0.1")
        of_key = self.made[generator.target][generator.key_column].column if hasattr(generator, "key_column") and (
            not own) else None  # fmt: skip
        column = Column(
            name,
            type_,
            nullable=null > 0,
            precision=self.positive(table, place, "precision", of_key.precision if of_key else None),
            scale=self.value(table, place, "scale", int, getattr(generator, "scale", None) or None),
            length=self.positive(table, place, "length", of_key.length if of_key else None),
        )
        if type_ is Type.DECIMAL and column.precision is None:
            column = replace(column, precision=20, scale=column.scale or 0)
        return Made(column, generator, float(null), self.value(table, place, "hidden", bool, False))

    # Each of these methods reads one generator, and returns it with the type of its values.

    def _sequence(self, entity: str, place: Place, table: Mapping[str, Any], *_: Any) -> tuple[Any, Type]:
        return g.Counting(self.value(table, place, "sequence", int)), Type.INT

    def _number(self, entity: str, place: Place, table: Mapping[str, Any], *_: Any) -> tuple[Any, Type]:
        if "each" not in self.entities[entity]:
            self.wrong((*place, "number"), "counts within the owner of `each`, and there is none")
        return g.Line(self.entities[entity]["each"].get("count", 1)), Type.INT

    def _uuid(self, *_: Any) -> tuple[Any, Type]:
        return g.Uuid(), Type.UUID

    def _choice(
        self, entity: str, place: Place, table: Mapping[str, Any], said: Type | None, *_: Any
    ) -> tuple[Any, Type]:
        values = self.value(table, place, "choice", list)
        if not values:
            self.wrong((*place, "choice"), "has no value")
        weights = self.value(table, place, "weights", list, [1] * len(values))
        if len(weights) != len(values) or not all(type(w) is int and w > 0 for w in weights) or sum(weights) > 65536:
            self.wrong((*place, "weights"), f"must be {len(values)} whole numbers above 0, together at most 65536")
        type_ = said or _type_of(values[0])
        if type_ is None:
            self.wrong((*place, "choice"), f"{values[0]!r} is of no type")
        converted = [self._as(type_, value, (*place, "choice")) for value in values]
        return g.Table(spread(zip(converted, weights, strict=True), 65536)), type_

    def _range(
        self, entity: str, place: Place, table: Mapping[str, Any], said: Type | None, *_: Any
    ) -> tuple[Any, Type]:
        bounds = self.value(table, place, "range", list)
        if len(bounds) != 2:
            self.wrong((*place, "range"), "is [lowest, highest]")
        type_ = said or _type_of(bounds[1])
        if type_ not in (Type.INT, Type.FLOAT, Type.DECIMAL, Type.DATE, Type.TIME, Type.DATETIME, Type.INSTANT):
            self.wrong((*place, "range"), "is of numbers, dates or times")
        low, high = (self._as(type_, bound, (*place, "range")) for bound in bounds)
        if low > high:
            self.wrong((*place, "range"), f"{bounds[0]} is above {bounds[1]}")
        scale = self.value(table, place, "scale", int)
        if type_ is Type.DECIMAL and scale is None:
            scale = max(0, *(-int(bound.as_tuple().exponent) for bound in (low, high)))
        return g.Range(type_, low, high, scale or 0), type_

    def _faker(
        self, entity: str, place: Place, table: Mapping[str, Any], said: Type | None, *_: Any
    ) -> tuple[Any, Type]:
        provider = self.value(table, place, "faker", str)
        locales = self.value(table, place, "locale", (str, list), "en_US")
        locales = [locales] if isinstance(locales, str) else locales
        arguments = self.value(table, place, "arguments", dict, {})
        size = self.positive(table, place, "pool", 500)
        if size > 65536:
            self.wrong((*place, "pool"), f"is at most 65536, not {size}")
        longest = table.get("length")
        for locale in locales:
            known = _providers(locale)
            if not known:
                self.wrong((*place, "locale"), f"Faker has no locale {locale!r}", meant(str(locale), _locales()))
            if provider not in known:
                close = meant(provider, known)
                self.wrong(
                    (*place, "faker"),
                    f"no provider of {locale} is called {provider!r}, or it looks at the clock",
                    close,
                )
        type_ = said or Type.TEXT

        def convert(value: Any) -> Any:
            typed = self._as(type_, str(value) if type_ is Type.TEXT else value, (*place, "faker"))
            return typed[:longest] if longest and isinstance(typed, str | bytes) else typed

        @cache
        def draw() -> list[Any]:
            try:
                return g.draw(provider, locales, arguments, size, convert)
            except ValueError as error:
                self.wrong((*place, "faker"), str(error))

        return g.Pool(draw), type_

    def _reference(
        self,
        entity: str,
        place: Place,
        table: Mapping[str, Any],
        said: Type | None,
        all_: Mapping[str, Any],
        before: Mapping[str, Made],
    ) -> tuple[Any, Type]:
        target = self.value(table, place, "reference", str)
        own = target == entity
        key = self.entities[target].get("key")
        names = [key] if isinstance(key, str) else key or []
        if len(names) != 1:
            self.wrong((*place, "reference"), f"{target} has {'no' if not names else 'a compound'} key")
        made = before if own else self.made[target]
        if names[0] not in made or not hasattr(made[names[0]].generator, "at"):
            where = " further up" if own else ""
            self.wrong(
                (*place, "reference"), f"the key of {target} must be a sequence, a uuid or a template of {{row}}{where}"
            )
        each = self.entities[entity].get("each", {})
        owner = self.value(table, place, "owner", bool, False)
        if owner and each.get("of") != target:
            self.wrong((*place, "owner"), f"needs each = {{ of = {target!r} }}")
        distinct = self.value(table, place, "distinct", bool, False)
        count = each.get("count", 1)
        there = self.counted[target]
        if distinct and there(1) < count:
            self.wrong((*place, "distinct"), f"{target} may have fewer than {count} rows", f"give it min = {count}")
        generator = g.Referring(
            target, made[names[0]].generator, names[0], self.counted[entity], there,
            self.value(table, place, "skew", bool, False), owner, distinct, count, own,
        )  # fmt: skip
        return generator, made[names[0]].column.type

    def _template(
        self, entity: str, place: Place, table: Mapping[str, Any], said: Type | None, all_: Mapping[str, Any], *_: Any
    ) -> tuple[Any, Type]:
        text = self.value(table, place, "template", str)
        needs = self._needs(text, (*place, "template"), all_)
        # Only a template of the row's number alone is known to give distinct texts.
        kind = g.Template if needs or "row" not in g.Template.names(text) else g.RowTemplate
        return kind(text, needs), Type.TEXT

    def _json(
        self, entity: str, place: Place, table: Mapping[str, Any], said: Type | None, all_: Mapping[str, Any], *_: Any
    ) -> tuple[Any, Type]:
        needs: list[str] = []

        def look(part: Any) -> None:
            if isinstance(part, str):
                needs.extend(self._needs(part, (*place, "json"), all_))
            elif not isinstance(part, int | Decimal | dict | list):
                self.wrong((*place, "json"), f"{part!r} is nothing that JSON has")
            for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
                look(inner)

        look(table["json"])
        return g.Nested(table["json"], tuple(dict.fromkeys(needs))), Type.JSON

    def _bytes(self, entity: str, place: Place, table: Mapping[str, Any], *_: Any) -> tuple[Any, Type]:
        return g.Octets(self.positive(table, place, "bytes")), Type.BYTES

    def _needs(self, text: str, place: Place, columns: Mapping[str, Any]) -> tuple[str, ...]:
        try:
            names = g.Template.names(text)
        except ValueError as error:
            self.wrong(place, str(error), "a brace itself is written twice: {{ }}")
        for name in names:
            if name != "row" and name not in columns:
                self.wrong(place, f"no column is called {name!r}", meant(name, [*columns, "row"]))
        return tuple(dict.fromkeys(name for name in names if name != "row"))

    def _as(self, type_: Type, value: Any, place: Place) -> Any:
        """The value as one of this type. TOML has no decimals, uuids or bytes: they are written as text."""
        try:
            if isinstance(value, str) and type_ is not Type.TEXT:
                value = VALUE_OF[type_](value)
            elif type_ is Type.FLOAT and type(value) in (int, Decimal):
                value = float(value)
            elif type_ is Type.DECIMAL and type(value) in (int, float):
                value = Decimal(str(value))
        except (ValueError, ArithmeticError, KeyError):
            self.wrong(place, f"{value!r} is no {type_.value}")
        if type_of(value) is not type_:
            self.wrong(place, f"{value!r} is no {type_.value}")
        return value


def _type_of(value: Any) -> Type | None:
    # TOML's numbers with a point are floats; a column that means decimals says so.
    return Type.FLOAT if isinstance(value, Decimal) else type_of(value)


@cache
def _locales() -> list[str]:
    from faker.config import AVAILABLE_LOCALES

    return sorted(AVAILABLE_LOCALES)


@cache
def _providers(locale: str) -> list[str]:
    """The providers that Faker has in this locale; none if it does not know the locale."""
    from faker import Faker

    return g.provider_names(Faker(locale).factories[0]) if locale in _locales() else []

"""The generators of a dataset file's columns: each makes the values of one column for a block of rows.

A generator is a pure function of (seed, column, row number). One that may be a key (`at`) also gives the value of any
row by its number, so that a reference gets its target's key without making the target's rows.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from hashlib import blake2b
from typing import Any, Final, Protocol
from uuid import UUID

from dbfleet.datasets.words import Words, cubes
from dbfleet.errors import ConfigError
from dbfleet.values import Type

BLOCK_ROWS: Final = 1024


@dataclass(frozen=True, slots=True)
class Slice:
    """The block that is being made: its row numbers, and the columns that are made already."""

    words: Words
    entity: str
    block: int
    columns: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def numbers(self) -> range:
        """The numbers of the block's rows, from 0."""
        return range(self.block * BLOCK_ROWS, (self.block + 1) * BLOCK_ROWS)

    def shorts(self, column: str) -> Sequence[int]:
        """A random number below 2**16 for each row."""
        return self.words.shorts(f"{self.entity}.{column}", self.block, BLOCK_ROWS)

    def quads(self, column: str) -> Sequence[int]:
        """A random number below 2**64 for each row."""
        return self.words.quads(f"{self.entity}.{column}", self.block, BLOCK_ROWS)


class Generator(Protocol):
    """Makes the values of one column; `needs` are the columns from which it makes them."""

    needs: tuple[str, ...]

    def make(self, column: str, block: Slice) -> list[Any]:
        """The values of the column for the block's rows."""
        ...


class KeyGenerator(Generator, Protocol):
    """A generator of distinct values, which gives the value of any row."""

    def at(self, words: Words, name: str, number: int) -> Any:
        """The value of row `number`, from 0; `name` is entity.column."""
        ...


@dataclass(frozen=True)
class Counting:
    """`sequence`: start, start + step, …"""

    start: int
    step: int = 1
    needs: tuple[str, ...] = ()

    def make(self, column: str, block: Slice) -> list[Any]:
        return [self.start + self.step * number for number in block.numbers]

    def at(self, words: Words, name: str, number: int) -> int:
        return self.start + self.step * number


@dataclass(frozen=True)
class Line:
    """`number`: 1, 2, … within each owner of `each`."""

    count: int
    needs: tuple[str, ...] = ()

    def make(self, column: str, block: Slice) -> list[Any]:
        return [number % self.count + 1 for number in block.numbers]


@dataclass(frozen=True)
class Uuid:
    """`uuid`: distinct values that look random."""

    needs: tuple[str, ...] = ()

    def make(self, column: str, block: Slice) -> list[Any]:
        name = f"{block.entity}.{column}"
        return [self.at(block.words, name, number) for number in block.numbers]

    def at(self, words: Words, name: str, number: int) -> UUID:
        text = f"{words.seed}\0{name}\0{number}".encode()
        return UUID(bytes=blake2b(text, digest_size=16).digest(), version=4)


@dataclass(frozen=True)
class Table:
    """`choice` and `faker`: one of these values, all equally likely (a value with a weight is repeated)."""

    values: Sequence[Any]
    needs: tuple[str, ...] = ()

    def make(self, column: str, block: Slice) -> list[Any]:
        values, size = self.values, len(self.values)
        return [values[short * size >> 16] for short in block.shorts(column)]


@dataclass(frozen=True)
class Pool:
    """`faker`: one value for each row from those that `draw` returns, which is called when they are first needed."""

    draw: Callable[[], Sequence[Any]]
    needs: tuple[str, ...] = ()

    def make(self, column: str, block: Slice) -> list[Any]:
        return Table(self.draw()).make(column, block)


_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - the type datetime has no zone
_MICROSECOND: Final = timedelta(microseconds=1)


def _instant(value: datetime) -> int:
    return (value.astimezone(UTC).replace(tzinfo=None) - _EPOCH) // _MICROSECOND


def _time_us(value: time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond


_AS_NUMBER: Final[Mapping[Type, tuple[Callable[[Any], int], Callable[[int], Any]]]] = {
    Type.INT: (int, int),
    Type.DATE: (date.toordinal, date.fromordinal),
    Type.TIME: (_time_us, lambda us: (_EPOCH + timedelta(microseconds=us)).time()),
    Type.DATETIME: (lambda value: (value - _EPOCH) // _MICROSECOND, lambda us: _EPOCH + timedelta(microseconds=us)),
    Type.INSTANT: (_instant, lambda us: (_EPOCH + timedelta(microseconds=us)).replace(tzinfo=UTC)),
}
"""For each type, the functions from a value to a whole number and back: every range is one of whole numbers."""


@dataclass(frozen=True)
class Range:
    """`range`: values from low to high, both included, all equally likely. A float does not reach high."""

    type: Type
    low: Any
    high: Any
    scale: int = 0
    needs: tuple[str, ...] = ()

    def make(self, column: str, block: Slice) -> list[Any]:
        quads = block.quads(column)
        if self.type is Type.FLOAT:
            low, width = float(self.low), float(self.high) - float(self.low)
            return [low + width * ((quad >> 11) * 2.0**-53) for quad in quads]
        if self.type is Type.DECIMAL:
            unit = Decimal(1).scaleb(-self.scale)
            first, last = int(self.low / unit), int(self.high / unit)
            return [Decimal(first + (quad * (last - first + 1) >> 64)) * unit for quad in quads]
        number, value = _AS_NUMBER[self.type]
        first, last = number(self.low), number(self.high)
        return [value(first + (quad * (last - first + 1) >> 64)) for quad in quads]


@cache
def _popularity() -> Sequence[float]:
    return cubes(65536)


@dataclass(frozen=True)
class Counted:
    """How many rows an entity has: `--rows` times numerator / denominator, rounded up, at least `least`; all of that
    multiplied by `times`. With numerator 0 it does not grow."""

    numerator: int
    denominator: int
    least: int
    times: int = 1

    def __call__(self, rows: int) -> int:
        return max(self.least, -(-rows * self.numerator // self.denominator)) * self.times

    def since(self, number: int) -> int:
        """The smallest `--rows` with which there is a row `number`."""
        number //= self.times
        return 1 if number < self.least else number * self.denominator // self.numerator + 1


@dataclass(frozen=True)
class Referring:
    """`reference`: the key of a row of another entity, or of an earlier row of its own.

    A row refers only to rows of the smallest dataset that has the row itself, so that its value is the same in every
    larger one. `owner` of `each`: row n belongs to row n / count. With `distinct`, the rows of one owner have different
    values: the k-th of them is drawn from the k-th part of the target's rows.
    """

    target: str
    key: KeyGenerator
    key_column: str
    mine: Counted
    theirs: Counted
    skew: bool = False
    owner: bool = False
    distinct: bool = False
    count: int = 1
    own: bool = False
    needs: tuple[str, ...] = ()

    def make(self, column: str, block: Slice) -> list[Any]:
        name = f"{self.target}.{self.key_column}"
        at, words = self.key.at, block.words
        return [None if n is None else at(words, name, n) for n in self._numbers(column, block)]

    def _numbers(self, column: str, block: Slice) -> list[int | None]:
        if self.owner:
            return [number // self.count for number in block.numbers]
        popular = _popularity()
        targets: list[int | None] = []
        for number, quad in zip(block.numbers, block.quads(column), strict=True):
            low, high = 0, number if self.own else self.theirs(self.mine.since(number))
            if self.distinct:
                turn = number % self.count
                low, high = high * turn // self.count, high * (turn + 1) // self.count
            if high == low:  # the first row of an entity that refers to itself
                targets.append(None)
            elif self.skew:
                targets.append(low + int(popular[quad >> 48] * (high - low)))
            else:
                targets.append(low + (quad * (high - low) >> 64))
        return targets


@dataclass(frozen=True)
class Template:
    """`template`: text with {column} and {row}, which counts from 1, and Python's formats: {row:06d}. NULL is ''."""

    text: str
    needs: tuple[str, ...] = ()

    def make(self, column: str, block: Slice) -> list[Any]:
        if not self.needs:
            return [self.text.format(row=number + 1) for number in block.numbers]
        columns = [["" if value is None else value for value in block.columns[name]] for name in self.needs]
        return [
            self.text.format(row=number + 1, **dict(zip(self.needs, values, strict=True)))
            for number, *values in zip(block.numbers, *columns, strict=True)
        ]

    @staticmethod
    def names(text: str) -> list[str]:
        """The names in the braces, including `row`. ValueError for braces that do not match or hold more."""
        names = []
        for _, name, format_, _ in string.Formatter().parse(text):
            if name is not None:
                if not name.isidentifier() or "{" in (format_ or ""):
                    raise ValueError(f"{{{name}}} is not the name of a column")
                names.append(name)
        return names


@dataclass(frozen=True)
class RowTemplate(Template):
    """A template that holds only {row}, and so may be a key."""

    def at(self, words: Words, name: str, number: int) -> str:
        return self.text.format(row=number + 1)


@dataclass(frozen=True)
class Nested:
    """`json`: a document; a text that is only {column} becomes that column's value, with its type."""

    document: Any
    needs: tuple[str, ...] = ()

    def make(self, column: str, block: Slice) -> list[Any]:
        columns = [block.columns[name] for name in self.needs]
        return [
            self._fill(self.document, dict(zip(self.needs, values, strict=True)), number)
            for number, *values in zip(block.numbers, *columns, strict=True)
        ]

    def _fill(self, part: Any, row: Mapping[str, Any], number: int) -> Any:
        if isinstance(part, dict):
            return {key: self._fill(value, row, number) for key, value in part.items()}
        if isinstance(part, list):
            return [self._fill(value, row, number) for value in part]
        if not isinstance(part, str) or "{" not in part:
            return part
        names = Template.names(part)
        if len(names) == 1 and part == f"{{{names[0]}}}" and names[0] != "row":
            value = row[names[0]]
            return value if isinstance(value, bool | int | float | Decimal | dict | list | None) else str(value)
        return part.format(row=number + 1, **{name: "" if row[name] is None else row[name] for name in row})


@dataclass(frozen=True)
class Octets:
    """`bytes`: this number of random bytes."""

    count: int
    needs: tuple[str, ...] = ()

    def make(self, column: str, block: Slice) -> list[Any]:
        count = self.count
        data = block.words.octets(f"{block.entity}.{column}", block.block, count * BLOCK_ROWS)
        return [data[at : at + count] for at in range(0, len(data), count)]


# --- Faker ---------------------------------------------------------------------------------------------------------

_NOT_PROVIDERS: Final = frozenset(
    ("add_provider", "del_arguments", "format", "get_arguments", "get_formatter", "get_providers", "parse", "provider",
     "seed", "seed_instance", "seed_locale", "set_arguments", "set_formatter")
)  # fmt: skip


def provider_names(faker: Any) -> list[str]:
    """The providers that a dataset file may name: not those that depend on the clock, whose values would be others
    tomorrow."""
    clock = {
        name
        for provider in faker.get_providers()
        if type(provider).__module__.startswith("faker.providers.date_time")
        for name in dir(provider)
    } - {"timezone", "name"}
    return [
        name
        for name in dir(faker)
        if name[0] != "_" and name not in clock and name not in _NOT_PROVIDERS and callable(getattr(faker, name, None))
    ]


def draw(
    provider: str, locales: Sequence[str], arguments: Mapping[str, Any], size: int, convert: Callable[[Any], Any]
) -> list[Any]:
    """`size` values of Faker's provider, an equal share from each locale; the same in every run with the same Faker."""
    from faker import Faker

    values = []
    for place, locale in enumerate(locales):
        faker = Faker(locale).factories[0]
        faker.seed_instance(f"{provider}:{locale}")
        make = getattr(faker, provider)
        try:
            wanted = size * (place + 1) // len(locales) - size * place // len(locales)
            values += [convert(make(**arguments)) for _ in range(wanted)]
        except ConfigError:
            raise
        except Exception as error:
            raise ValueError(f"Faker's {provider} of {locale} does not work: {error}") from error
    return values


def nulled(values: list[Any], share: float, shorts: Sequence[int]) -> list[Any]:
    """The values, with this share of them replaced by NULL."""
    below = round(share * 65536)
    return [None if short < below else value for value, short in zip(values, shorts, strict=True)]

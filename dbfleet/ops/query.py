"""`dbfleet query`: one text, asked of one target or of several that speak the same language.

    with query(fleet, [target], text, params) as answers:
        formats.encode_all("jsonl", answers)

Rows are pulled through: nothing runs ahead, one batch is in memory, and leaving the block early frees the connection
(an interrupt stops the statement on the server first). Of several targets each row starts with a column `target`, the
results come in the targets' order, and neighbours with the same columns are one result. A target that fails does not
stop the others: FleetPartlyFailed names it when all have been asked.

Who is asked is a target, or one collection of it: then the text is a bare filter, in the language of an engine that
declares the ability Finds.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from dbfleet import registry
from dbfleet.abilities import ENCODINGS, Encodes, Encoding, ExtendedJson, Finds, LimitsTime, Notices, able
from dbfleet.adapter import Adapter, Result, ResultColumn
from dbfleet.errors import DbfleetError, FleetPartlyFailed, Unsupported, UsageError, did_you_mean
from dbfleet.fleet import Fleet
from dbfleet.formats import Plain, Rows
from dbfleet.ops._deadline import Deadline
from dbfleet.spec import Capability, EngineSpec
from dbfleet.target import Target
from dbfleet.values import VALUE_OF, Batch, Type

T = TypeVar("T")

_GRACE_S: Final = 2.0
"""So much later than it is stopped from here, a server ends a statement by itself. Its own words for that differ."""

Place = tuple[Target, str | None]
"""A target, and the collection of it that is meant."""


@dataclass(slots=True)
class Told:
    """What a statement said besides its rows, when they have been read. `rows` is None where it gives none."""

    target: str
    rows: int | None
    affected: int | None
    messages: Sequence[str]
    seconds: float


@dataclass(slots=True)
class Answers:
    """The results to be written, one after the other; or their bytes, where the adapter makes them itself."""

    results: Iterator[Rows]
    encoded: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[Rows]:
        return self.results


@contextmanager
def query(
    fleet: Fleet,
    places: Sequence[Place],
    text: str,
    params: Mapping[str, object] | None = None,
    *,
    options: Mapping[str, str] | None = None,
    read_only: bool = False,
    fast: str | None = None,
    ejson: bool = False,
    timeout_s: float | None = None,
    limits_s: Mapping[str, float] | None = None,
    tell: Callable[[Told], None] = lambda told: None,
) -> Iterator[Answers]:
    """Ask, and give the answers to the block.

    With `read_only` each target is opened for reading only (`Fleet.reader`). `options` are how this one statement is to
    run: options of the URL that the engines list in `query_options`, as `consistency`. `fast` names the format that the
    answers will be written in: where the adapter can give its bytes, `encoded` is set and `results` is empty. `ejson`
    asks for Extended JSON, of engines that have it. `tell` is called when a result has been read.

    A statement that has not given its last row after `timeout_s` is stopped on the server: NotReady. `limits_s` says
    the same by target, and holds also for an engine that cannot stop a statement: there its answer is read no further.
    Where the engine has a means to (LimitsTime), the server is told as well, and ends what outlives this process.

    Before anything is asked: UsageError for an empty text, targets that do not speak the same language, or a collection
    where the language takes none beside the text; Unsupported for an option that one of the engines does not have, for
    a `timeout_s` where the engine cannot stop a statement, and for reading only where nothing enforces it.
    """
    if not text.strip():
        raise UsageError("the statement is empty")
    # "SQL (MySQL)" and "SQL (PostgreSQL)" are one language: plain SELECTs are what people ask several engines.
    languages = {fleet.spec(target).language.partition(" (")[0]: target.name for target, _ in places}
    if len(languages) > 1:
        spoken = ", ".join(f"{name} speaks {language}" for language, name in languages.items())
        raise UsageError(f"these targets have no language in common: {spoken}")
    for target, collection in places:
        _check(fleet.spec(target), target, collection, options or {})
    if read_only:
        places = [(fleet.reader(target), collection) for target, collection in places]
    asked = _Asked(fleet, text, params or {}, options or {}, ejson, timeout_s, limits_s or {}, tell)
    # Connections are opened while the answers are read, and closed here: an interrupt reaches them in this block.
    with asked.open:
        if len(places) == 1:
            ((target, collection),) = places
            adapter = asked.connect(target)
            encoding = None if ejson or collection else ENCODINGS.get(fast or "")
            chunks = asked.encoded(adapter, encoding) if encoding else None
            yield Answers(iter(()) if chunks else asked.results(adapter, collection), chunks)
            return
        failures: dict[str, DbfleetError] = {}
        yield Answers(_merged(asked.each(places, failures)))
        if failures:
            raise FleetPartlyFailed(f"{len(failures)} of {len(places)} targets failed", failures=failures)


def _check(spec: EngineSpec, target: Target, collection: str | None, options: Mapping[str, str]) -> None:
    for name in options:
        if name not in spec.query_options:
            having = [each.name for each in registry.every() if name in each.query_options]
            raise Unsupported(
                f"{spec.title} has no {name} that a statement could choose",
                target=target.name,
                hint=f"--{name} is for {', '.join(having)}" if having else None,
            )
    if collection and Finds not in spec.abilities:
        raise UsageError(
            f"{target.name}.{collection} names a collection, and {spec.title} takes none beside the text",
            hint=f"ask {target.name}, and name {collection} in the statement",
        )


class _Asked:
    """One question, while it is asked."""

    def __init__(
        self,
        fleet: Fleet,
        text: str,
        params: Mapping[str, object],
        options: Mapping[str, str],
        ejson: bool,
        timeout_s: float | None,
        limits_s: Mapping[str, float],
        tell: Callable[[Told], None],
    ) -> None:
        self.open = ExitStack()
        self._fleet = fleet
        self._text = text
        self._params = params
        self._options = options
        self._ejson = ejson
        self._timeout_s = timeout_s
        self._limits_s = limits_s
        self._tell = tell

    def connect(self, target: Target) -> Adapter:
        title, capabilities = self._fleet.spec(target).title, self._fleet.spec(target).capabilities
        if self._timeout_s is not None and Capability.CANCEL not in capabilities:
            raise Unsupported(f"{title} cannot stop a running statement", target=target.name)
        wait_s = min(10.0, self._timeout_s or 10.0)
        if self._options:
            target = target.with_(options={**target.options, **self._options})
        adapter = self.open.enter_context(self._fleet.connect(target, timeout_s=wait_s))
        if self._ejson:
            speaking = able(adapter, ExtendedJson)
            if speaking is None:
                raise Unsupported(f"{title} has no Extended JSON", target=target.name)
            speaking.ejson = True
        seconds = min((each for each in (self._timeout_s, self._limits_s.get(target.name)) if each), default=None)
        limiting = able(adapter, LimitsTime)
        if seconds and limiting:
            limiting.limit(seconds + _GRACE_S)
        return adapter

    def _deadline(self, adapter: Adapter) -> Deadline:
        return Deadline(adapter, self._timeout_s, self._limits_s.get(adapter.target.name))

    def encoded(self, adapter: Adapter, format: Encoding) -> Iterator[bytes] | None:
        """The adapter's own bytes; None where it has none for this statement."""
        encoding = able(adapter, Encodes)
        if encoding is None:
            return None
        deadline = self.open.enter_context(self._deadline(adapter))
        with deadline.instead():  # a method may wait for the first rows before it gives an iterator
            chunks = encoding.encoded(self._text, self._params, format)
        if chunks is None:
            deadline.forget()
            return None
        self._end(adapter, getattr(chunks, "close", lambda: None))
        return self._heard(adapter, deadline.over(chunks))

    def _heard(self, adapter: Adapter, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks, and then what the server said beside them."""
        started = time.perf_counter()
        yield from chunks
        hearing = able(adapter, Notices)
        if hearing and hearing.messages:
            self._tell(Told(adapter.target.name, None, None, hearing.messages, time.perf_counter() - started))

    def _end(self, adapter: Adapter, close: Callable[[], None]) -> None:
        """Close what is being read before its connection is closed; where it ends early, stop it first, as some
        drivers read what is left of a result to close it."""

        def end(kind: type[BaseException] | None, *_: object) -> None:
            if kind is not None:
                try:
                    adapter.cancel()
                except DbfleetError:  # it cannot, or nothing runs any more
                    pass
            try:
                close()
            except DbfleetError:  # what matters has been said
                pass

        self.open.push(end)

    def results(self, adapter: Adapter, collection: str | None = None, *, hold_errors: bool = False) -> Iterator[_Read]:
        """The results that have columns. An error that comes while rows are read is the reader's, unless it is to be
        held until the reader asks for the next result."""
        deadline = self.open.enter_context(self._deadline(adapter))
        started = time.perf_counter()
        with deadline.instead():
            result: Result | None = self._ask(adapter, collection)
        while result is not None:
            read = _Read(result, deadline, hold_errors)
            self._end(adapter, result.close)
            if result.columns:
                yield read
            for _ in read:  # a statement without rows runs to its end, too
                pass
            if read.error:
                raise read.error
            result.close()
            rows = read.count if result.columns else None
            seconds = time.perf_counter() - started
            self._tell(Told(adapter.target.name, rows, result.affected, result.messages, seconds))
            started = time.perf_counter()
            with deadline.instead():
                result = result.following()

    def _ask(self, adapter: Adapter, collection: str | None) -> Result:
        finding = able(adapter, Finds)
        if collection is None or finding is None:  # `_check` has refused a collection where there is no finding
            return adapter.query(self._text, self._params)
        return finding.find(collection, self._text, self._params)

    def each(self, places: Sequence[Place], failures: dict[str, DbfleetError]) -> Iterator[tuple[str, _Read]]:
        """Every target's results, with its name; what fails is put on record."""
        for target, collection in places:
            try:
                for read in self.results(self.connect(target), collection, hold_errors=True):
                    yield target.name, read
            except DbfleetError as error:
                failures[target.name] = error
            self.open.close()


class _Read:
    """A result that counts its rows while they are read, once."""

    def __init__(self, result: Result, deadline: Deadline, hold_errors: bool) -> None:
        self.columns = result.columns
        self.documents = result.documents
        self.count = 0
        self.error: DbfleetError | None = None
        self._hold = hold_errors
        self._batches = deadline.over(result)

    def __iter__(self) -> Iterator[Batch]:
        try:
            for batch in self._batches:
                self.count += len(batch)
                yield batch
        except DbfleetError as error:
            if not self._hold:
                raise
            self.error = error


def _merged(pairs: Iterator[tuple[str, _Read]]) -> Iterator[Rows]:
    """The results with their target in each row; neighbours with the same columns as one."""
    following = next(pairs, None)

    def batches(columns: Sequence[ResultColumn], documents: bool) -> Iterator[Batch]:
        nonlocal following
        while following is not None:
            name, read = following
            if read.documents != documents or _names(read.columns) != _names(columns):
                return
            for batch in read:
                if documents:
                    yield [(_named(name, document),) for (document,) in batch]
                else:
                    yield [(name, *row) for row in batch]
            following = next(pairs, None)

    while following is not None:
        first = following[1]
        columns = first.columns if first.documents else (ResultColumn("target", Type.TEXT), *first.columns)
        yield Plain(columns, batches(first.columns, first.documents), first.documents)


def _names(columns: Sequence[ResultColumn]) -> list[str]:
    return [column.name for column in columns]


def _named(target: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with `target` first; a field of that name is its `target_2`."""
    if "target" in document:
        document = {"target_2" if key == "target" else key: value for key, value in document.items()}
    return {"target": target, **document}


# --- what people type ----------------------------------------------------------------------------------------------

_PARAMETER: Final = re.compile(r"([A-Za-z_]\w*)(?::(\w+))?=(.*)", re.DOTALL)


def parameters(typed: Iterable[str]) -> dict[str, object]:
    """`name=text` and `name:type=value`, with a type of dbfleet.values; `name:null=` is NULL. UsageError for a form or
    a value that cannot be meant."""
    found: dict[str, object] = {}
    for each in typed:
        match = _PARAMETER.fullmatch(each)
        if match is None:
            raise UsageError(f"--param {each}: a parameter is name=value or name:type=value")
        name, word, text = match.groups()
        if name in found:
            raise UsageError(f"--param {name} is given twice")
        found[name] = _value(each, word or Type.TEXT, text)
    return found


def _value(typed: str, word: str, text: str) -> object:
    if word == "null" and not text:
        return None
    try:
        type_ = Type(word)
    except ValueError:
        hint = did_you_mean(word, list(Type), f"the types are: {', '.join(Type)}")
        raise UsageError(f"--param {typed}: no type is called {word!r}", hint=hint) from None
    try:
        value = VALUE_OF[type_](text)
        json.dumps(value, default=str, ensure_ascii=False).encode()  # half a character is none
        return value
    except (ValueError, ArithmeticError, KeyError):
        raise UsageError(f"--param {typed}: {text!r} is not of type {type_}") from None


def places_of(fleet: Fleet, typed: str) -> list[Place]:
    """Whom a comma list names: targets, or collections of them. A comma inside a URL (several hosts) is the URL's: what
    follows it belongs to the list where it is a bare name or a URL again."""
    texts: list[str] = []
    for part in map(str.strip, typed.split(",")):
        if texts and "://" in texts[-1] and "://" not in part and not re.fullmatch(r"[\w-]+", part):
            texts[-1] += "," + part
        else:
            texts.append(part)
    if "" in texts:
        raise UsageError(f"{typed!r} lacks a target's name beside a comma")
    return [fleet.locate(text) for text in texts]

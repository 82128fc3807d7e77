"""One statement, asked of a target by somebody.

Nothing runs that is not on record: the chain gets an entry before the statement goes out, and one with its outcome. It
is asked by `ops.query`, as an account that can only read (`Fleet.reader`) wherever something enforces that, and is
stopped on the server when its time is over, its end was asked for, or nobody waits for it any more (watch.py).

A process runs at most AT_ONCE statements, so that pages are served beside them.
"""

from __future__ import annotations

import hmac
import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.utils import Error as DatabaseError

from dbfleet import formats, secrets
from dbfleet.adapter import Adapter
from dbfleet.config import Settings
from dbfleet.console import absent, budgets, chain
from dbfleet.console.models import Asked, Budget
from dbfleet.console.statements.line import Line
from dbfleet.console.statements.record import check_text, text_on_record
from dbfleet.console.statements.watch import WATCH
from dbfleet.errors import DbfleetError, FleetPartlyFailed, StatementError, Unavailable, UsageError
from dbfleet.fleet import Fleet
from dbfleet.formats import Plain, Rows
from dbfleet.ops import query as op
from dbfleet.ops.query import Told
from dbfleet.target import Target
from dbfleet.values import Batch

AT_ONCE: Final = 4
STATEMENT_S: Final = 60.0
EXPORT_S: Final = 900.0
"""What a statement may take where the target's budget says nothing; an export waits for the client's line, too."""

_at_once: Final = threading.BoundedSemaphore(AT_ONCE)
log = logging.getLogger("dbfleet.statements")


class TooMany(Unavailable):
    """This process runs as many statements as it may."""


class Stopped(StatementError):
    """The statement was stopped, as its message says."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the id of the user, the name on record (`web:anna`), the role by which it is allowed, and the token."""

    user: int
    who: str
    role: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of whom. `target` may name a collection, whose filter is the text then. `reads_only` is false only
    where nothing enforces it (`guard`), for somebody who may write. `export` is the format that is wanted, empty for
    the page; with `from_page` the question ends when its page is not heard of any more."""

    target: str
    text: str
    params: Mapping[str, object] = field(default_factory=dict)
    id: UUID = field(default_factory=uuid4)
    reads_only: bool = True
    export: str = ""
    from_page: bool = False


def checked(question: Question) -> None:
    """UsageError for a text that is empty or too long, or a format that is none."""
    check_text(question.text)
    if question.export:
        formats.known(question.export)


def seconds_for(target: str, *, export: bool) -> float:
    """How long a statement may run on the target."""
    given = [each.statement_s for _, each in budgets.of_targets([target], list(Budget.objects.all()))]
    return min((seconds for seconds in given if seconds), default=EXPORT_S if export else STATEMENT_S)


class _Fleet(Fleet):
    """The fleet, which knows what one question has open."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        super().__init__(settings, directory)
        self.opened: set[Adapter] = set()

    @contextmanager
    def connect(
        self, target: Target, *, timeout_s: float = 10.0, create: bool = False, near: bool = False
    ) -> Iterator[Adapter]:
        with super().connect(target, timeout_s=timeout_s, create=create, near=near) as adapter:
            self.opened.add(adapter)
            try:
                yield adapter
            finally:
                self.opened.discard(adapter)


class Statement:
    """A statement that is being asked. `rows` and `size` count what was read and given so far."""

    def __init__(self, question: Question, line: Line) -> None:
        self.id = question.id
        self.from_page = question.from_page
        self.rows = 0
        self.size = 0
        self.told: list[Told] = []
        self.stopped = ""
        self._question = question
        self._line = line
        opened = Fleet.open()
        self._fleet = _Fleet(opened.settings, opened.directory)
        self._place = self._fleet.locate(question.target)
        self.target = self._place[0].name
        self.seconds = seconds_for(self.target, export=bool(question.export))
        self._begun = time.monotonic()
        # The op stops it to the moment. This is for one that was on its way to the server just then.
        self.deadline = self._begun + self.seconds + 5.0

    # --- for the watch ---

    def gone(self) -> bool:
        """Whether the client has closed the line."""
        return self._line.gone()

    def stop(self, why: str) -> None:
        """Stop it on the server."""
        self.stopped = self.stopped or why
        for adapter in list(self._fleet.opened):
            try:
                adapter.cancel()
            except (DbfleetError, OSError):  # it cannot, or has just ended
                pass

    def check(self) -> None:
        """Raise Stopped where it was stopped."""
        if self.stopped:
            raise Stopped(f"the statement was stopped: {self.stopped}", target=self.target)

    # --- the answer ---

    @contextmanager
    def answers(self) -> Iterator[op.Answers]:
        """Ask, and give the answers to the block; they count what is read of them."""
        question = self._question
        with op.query(
            self._fleet, [self._place], question.text, question.params, read_only=question.reads_only,
            fast=question.export or None, limits_s={self.target: self.seconds}, tell=self.told.append,
        ) as answers:  # fmt: skip
            self.check()
            encoded = answers.encoded
            yield op.Answers(self._counted(answers), None if encoded is None else self._passed(encoded))

    def exported(self) -> Iterator[bytes]:
        """The answer in the question's format: what `dbfleet query --format` writes."""
        with self.answers() as answers:
            if answers.encoded is not None:
                count = formats.counter(self._question.export)
                for chunk in answers.encoded:
                    self.rows += count(chunk)
                    self.size += len(chunk)
                    yield chunk
                self.rows = max(0, self.rows - (self._question.export == "csv"))
            else:
                for chunk in self._passed(formats.encode(self._question.export, answers)):
                    self.size += len(chunk)
                    yield chunk

    def _passed(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.check()
            yield chunk

    def _counted(self, results: Iterable[Rows]) -> Iterator[Rows]:
        for result in results:
            yield Plain(result.columns, self._batches(result), result.documents)

    def _batches(self, result: Rows) -> Iterator[Batch]:
        for batch in result:
            self.check()
            self.rows += len(batch)
            yield batch

    @property
    def milliseconds(self) -> int:
        """How long it has taken until now."""
        return int((time.monotonic() - self._begun) * 1000)


@contextmanager
def asked(question: Question, asker: Asker, line: Line | None = None) -> Iterator[Statement]:
    """Ask for the block, on record. What the block raises is the outcome; a generator that is closed early was left by
    its client. Raises UsageError for a question that cannot be asked, TooMany where too many are, and Stopped in the
    place of the error that the stop of a statement has led to."""
    line = line or Line()
    checked(question)
    if not _at_once.acquire(blocking=False):
        line.close()
        raise TooMany(
            f"{AT_ONCE} statements run in this process of the console, and it takes no more",
            hint="try again when one of them has ended",
        )
    try:
        statement = Statement(question, line)
        try:
            _begin(question, asker, statement)
        except DatabaseError as error:
            raise Unavailable("nothing is asked that is not on record: the control database is away") from error
        WATCH.add(statement)
        try:
            yield statement
        except GeneratorExit:
            _end(question, asker, statement, "cancelled", statement.stopped or "the client has gone away")
            raise
        except DbfleetError as error:
            if statement.stopped and not isinstance(error, Stopped):
                stopped = Stopped(f"the statement was stopped: {statement.stopped}", target=statement.target)
                _end(question, asker, statement, "cancelled", stopped.message)
                raise stopped from error
            meant = absent.instead(error, statement.target)
            _end(question, asker, statement, "cancelled" if statement.stopped else "failed", said(meant))
            if meant is error:
                raise
            raise meant from error
        except BaseException as bug:
            _end(question, asker, statement, "failed", f"a bug: {type(bug).__name__}")
            raise
        else:
            _end(question, asker, statement, "done", "")
        finally:
            WATCH.remove(statement)
    finally:
        line.close()
        _at_once.release()


def said(error: DbfleetError) -> str:
    """The error in words, without a login in them."""
    words = error.message
    if isinstance(error, FleetPartlyFailed):
        words = "; ".join(f"{name}: {failure.message}" for name, failure in error.failures.items())
    return secrets.redact(words) if "//" in words else words


# --- on record --------------------------------------------------------------------------------------------------------


def _begin(question: Question, asker: Asker, statement: Statement) -> None:
    """Put it on record, before anything is sent: its state and its line of the chain together, or neither."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM console_asked WHERE user_id = %s AND begun_at < clock_timestamp() - interval '1 day'",
            [asker.user],
        )
        cursor.execute(
            "INSERT INTO console_asked (id, user_id, target, begun_at, heard_at, cancel, state, rows, error) "
            "VALUES (%s, %s, %s, clock_timestamp(), clock_timestamp(), false, 'running', 0, '') "
            "ON CONFLICT DO NOTHING",
            [question.id, asker.user, statement.target],
        )
        if not cursor.rowcount:
            raise UsageError("a question of this id was asked already")
        body: dict[str, Any] = {"did": "begin", "asked": str(question.id), **text_on_record(question.text)}
        body |= {"reads_only": question.reads_only, "format": question.export or "page"}
        if question.params:
            body["params"] = hash_of_params(question.params)
        _append(asker, statement.target, body)


def _end(question: Question, asker: Asker, statement: Statement, outcome: str, why: str) -> None:
    body = {"did": "end", "asked": str(question.id), "outcome": outcome, "rows": statement.rows,
            "ms": statement.milliseconds}  # fmt: skip
    if why:
        body["error"] = why
    try:
        with transaction.atomic():  # who sees the state that it ended in finds its end in the chain
            Asked.objects.filter(pk=question.id).update(
                state=outcome, rows=statement.rows, error=why.replace("\0", "�")
            )
            _append(asker, statement.target, body)
    except DatabaseError:  # its beginning is on record, and that it has no end says enough
        log.exception("the outcome of statement %s is not on record: %s", question.id, outcome)
        connection.close()


def _append(asker: Asker, target: str, body: Mapping[str, Any]) -> None:
    chain.append("statement", who=asker.who, role=asker.role, token=asker.token, target=target, body=body)


def hash_of_params(params: Mapping[str, object]) -> str:
    """Params as the chain keeps them: equal ones have one hash, under the console's key, so that nobody who lacks it
    can try values."""
    text = json.dumps({name: [type(value).__name__, str(value)] for name, value in params.items()}, sort_keys=True)
    return hmac.new(settings.SECRET_KEY.encode(), text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()

"""The one error tree: for a trouble that it knows, an op or an adapter raises one of these and nothing else.

    DbfleetError
     ├ UsageError        bad option, config or URL
     │  ├ UnknownEngine
     │  └ ConfigError
     ├ Unavailable       cannot connect (a retry may help)
     │  ├ AuthFailed     wrong user, password or database
     │  └ NotReady       the deadline passed
     ├ StatementError    the engine rejected the statement
     │  ├ NotFound
     │  ├ AlreadyExists
     │  ├ ConstraintViolated
     │  ├ NoRoom         the server's disk is full: no row is at fault
     │  └ Damaged        what is stored cannot be read: a lost page, a wrong checksum
     ├ Unsupported       a capability or a fidelity that the engine does not have
     │  └ LossyRefused
     ├ PartialWrite      some rows were rejected (holds what was written)
     ├ VerifyFailed      what a target holds is not what was written into it
     ├ FleetPartlyFailed some targets of the fleet failed (holds one error per target)
     └ RuntimeFailure    docker or a process (command, exit code, tail of the log)

Every error says what happened in one short paragraph (`str(error)`), names its engine and target where there is
one, and may carry a `hint`: what to do next. The driver's exception is its `__cause__`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import overload


class DbfleetError(Exception):
    """What happened (`message`), where (`engine`, `target`), and what to do next (`hint`)."""

    def __init__(
        self, message: str, *, engine: str | None = None, target: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.engine = engine
        self.target = target
        self.hint = hint


class UsageError(DbfleetError):
    """What the user typed or configured is wrong."""


class UnknownEngine(UsageError):
    """No engine or target has this name."""


class ConfigError(UsageError):
    """dbfleet.toml or a DBFLEET_* variable is wrong; the message names the file, the line and the key."""


class Unavailable(DbfleetError):
    """There is no connection, or it was lost. A closed adapter raises this too."""


class AuthFailed(Unavailable):
    """The server answers and refuses this user, password or database."""


class NotReady(Unavailable):
    """The deadline passed before the server answered; `log_tail` is the end of its log, if it has one."""

    log_tail: str = ""


class StatementError(DbfleetError):
    """The engine rejected a statement; `code` is the engine's own error code as text, if it has one."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        engine: str | None = None,
        target: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, engine=engine, target=target, hint=hint)
        self.code = code


class NotFound(StatementError):
    """A collection, column or database does not exist."""


class AlreadyExists(StatementError):
    """The collection that `create` was to make exists already."""


class ConstraintViolated(StatementError):
    """A row violates a key, a reference, a NOT NULL or a check."""


class NoRoom(StatementError):
    """The server has no room left to store anything."""


class Damaged(StatementError):
    """What the server has stored cannot be read: a page is lost, or a checksum is wrong."""


class Unsupported(DbfleetError):
    """This engine cannot do that, and says so instead of doing something else."""


class LossyRefused(Unsupported):
    """A column would not be kept exactly, and the user asked for exact."""


class PartialWrite(DbfleetError):
    """Some rows were rejected; `written` is the adapter.Written that names them."""

    def __init__(
        self,
        message: str,
        *,
        written: object,
        engine: str | None = None,
        target: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, engine=engine, target=target, hint=hint)
        self.written = written


class VerifyFailed(DbfleetError):
    """Collections of a target, or of several, do not hold what was written: their digests differ from it."""


class FleetPartlyFailed(DbfleetError):
    """Some targets failed, others did not; `failures` holds the error of each target that failed, by its name."""

    def __init__(self, message: str, *, failures: Mapping[str, DbfleetError], hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.failures = dict(failures)


class RuntimeFailure(DbfleetError):
    """Docker or a server process failed: the command, its exit code, the tail of its log."""

    def __init__(
        self,
        message: str,
        *,
        command: Sequence[str] = (),
        exit_code: int | None = None,
        log_tail: str = "",
        engine: str | None = None,
        target: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, engine=engine, target=target, hint=hint)
        self.command = tuple(command)
        self.exit_code = exit_code
        self.log_tail = log_tail


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that the user most likely meant by `word`, or None."""
    import difflib  # here, as most commands do not need it

    def alike(candidate: str) -> bool:
        # The first letter is seldom mistyped: where it is another one, all the rest must fit (nosuch is not couch).
        same = candidate.lstrip("-")[:1] == word.lower().lstrip("-")[:1]
        return same or difflib.SequenceMatcher(None, word.lower(), candidate).ratio() >= 0.8

    matches = difflib.get_close_matches(word.lower(), list(known), n=3, cutoff=0.6)
    return next(filter(alike, matches), None)


@overload
def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str: ...
@overload
def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str | None: ...
def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str | None:
    """The hint of an error about an unknown word: the nearest known word; `otherwise` where none is near."""
    close = nearest(word, known)
    return f"did you mean {close}?" if close else otherwise


@contextmanager
def translated(
    translate: Callable[[BaseException], DbfleetError | None], *, engine: str, target: str
) -> Iterator[None]:
    """Turn a driver's exception into a DbfleetError; an error that is one already passes untouched.

    While a sink pulls a source's scan, both drivers may raise inside the sink's call. The source's error is a
    DbfleetError by then, and `translate` returns None for an exception that is not its own driver's. So the error of
    one side is never blamed on the other.
    """
    try:
        yield
    except DbfleetError:
        raise
    except Exception as exc:
        ours = translate(exc)
        if ours is None:
            raise
        ours.engine = ours.engine or engine
        ours.target = ours.target or target
        raise ours from exc

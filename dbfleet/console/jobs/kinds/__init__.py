"""The kinds of jobs, by their names: each is a module here with a KIND.

A kind says which arguments it takes, checks them before a job or a schedule is made, and does the work by an op of
dbfleet/ops. It runs in a process of its own (jobs/attend.py), without Django and without the control database: what it
finds goes back as plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final, Literal, NoReturn

from dbfleet.console.statements.record import is_kept
from dbfleet.errors import Unsupported, UsageError, did_you_mean
from dbfleet.fleet import Fleet
from dbfleet.target import Target

NAMES: Final = ("health", "drift", "drill", "dump", "load", "copy", "sync", "statement", "log", "command")

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """A job as its kind sees it. `tell` is called with the rows that are done and a few words; it raises where the job
    is to stop. `attempt` counts from 1; `resumes`: an earlier try of the job, or another job, may have left something
    to go on with; `timeouts_s` are the seconds that one statement may take, by target, where there is a limit."""

    job: int
    tell: Callable[[int, str], None]
    attempt: int = 1
    resumes: bool = False
    by: str = ""
    timeouts_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job found or did. `verdict` is ok, drift, red, cannot tell, or empty where it only did something;
    `receipt` is what goes into the chain, `same` what it says; `verified_through` is an ISO moment, where something was
    proven to be the same."""

    rows: int = 0
    verdict: str = ""
    result: Any = None
    receipt: Mapping[str, Any] | None = None
    same: bool | None = None
    verified_through: str | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `takes` are its arguments with a word about each; `check` returns them as they are kept, or raises
    UsageError; `run` does the work. `needs` is what a worker must be able to do. `kept_days`: how long its ended jobs
    stay on record (their receipts stay for ever)."""

    name: str
    takes: Mapping[str, str]
    check: Callable[[Fleet, Arguments], dict[str, Any]]
    run: Callable[[Fleet, Arguments, Work], Outcome]
    ends: Callable[[Arguments], tuple[str, str]]
    """Source and target of these arguments, as lists show them."""
    works_on: Callable[[Arguments], tuple[str, ...]] | None = None
    """The targets that it is a load for, where these are not the ends."""
    needs: Literal["", "host"] = ""
    sees_all: bool = False
    """It is about the whole fleet, which a worker in a container does not see: for one on the machine where there is
    one."""
    kept_days: int = 365
    parts: bool = False
    """It hands out parts to other workers while it runs (jobs/hands.py)."""
    once: bool = False
    """Nobody but a person begins it again: what it does cannot be done twice."""
    words: str = field(default="", compare=False)

    def loads(self, arguments: Arguments) -> tuple[str, ...]:
        """The targets that a job with these arguments is a load for (console/budgets.py)."""
        return self.works_on(arguments) if self.works_on else self.ends(arguments)


def kind(name: str) -> Kind:
    """The kind of this name. UsageError, with the nearest, where there is none."""
    if name not in NAMES:
        raise UsageError(
            f"no kind of job is called {name!r}", hint=did_you_mean(name, NAMES, f"they are: {', '.join(NAMES)}")
        )
    found: Kind = import_module(f"{__name__}.{name}").KIND
    return found


def checked(fleet: Fleet, name: str, arguments: Arguments) -> dict[str, Any]:
    """The arguments as they are kept. UsageError for one that the kind does not take or that is wrong."""
    what = kind(name)
    for word in arguments:
        if word not in what.takes:
            refuse(f"{name} takes no {word}", did_you_mean(word, what.takes, f"it takes: {', '.join(what.takes)}"))
        if not _kept(arguments[word]):
            refuse(f"{word} has a character that the control database does not keep", "U+0000, or half of a pair")
    return what.check(fleet, arguments)


def _kept(value: Any) -> bool:
    """Whether every text in the value can be put on record."""
    if isinstance(value, str):
        return is_kept(value)
    if isinstance(value, Mapping):
        return all(_kept(each) for pair in value.items() for each in pair)
    return not isinstance(value, list | tuple) or all(_kept(each) for each in value)


def refuse(why: str, hint: str | None = None) -> NoReturn:
    """Raise UsageError."""
    raise UsageError(why, hint=hint)


def target(fleet: Fleet, text: Any, what: str = "a target") -> str:
    """The text, if it names a target of the fleet. A URL is refused: what is kept on record and shown to others must
    not hold a password, so a job's targets stand in dbfleet.toml."""
    if not isinstance(text, str) or not text:
        refuse(f"{what} is missing")
    if "://" in text or text.startswith("${"):
        refuse(
            f"{what} is a URL: jobs take targets of the fleet",
            f"give it a name in {fleet.target_file}: [targets.NAME] url = …",
        )
    found, collection = fleet.locate(text)
    return f"{found.name}.{collection}" if collection else found.name


def reader(fleet: Fleet, meant: Target) -> tuple[Target, str]:
    """The target as its read-only account sees it, and an empty text; the target itself, and why, where nothing would
    enforce that it is only read."""
    try:
        return fleet.reader(meant), ""
    except Unsupported as error:
        return meant, error.message


def names(value: Any, what: str) -> list[str]:
    """A list of names, from a list or a text with commas."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        value = [each.strip() for each in value.split(",")]
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        refuse(f"{what} is no list of names")
    return [each for each in value if each]


def text(value: Any, what: str) -> str:
    """A text; an empty one where nothing is given."""
    if value is not None and not isinstance(value, str):
        refuse(f"{what} is a text, not {value!r}")
    return value or ""


def number(value: Any, what: str, *, least: float = 0, most: float = 1e9) -> float | None:
    """A number between the two; None where nothing is given."""
    if value is None or value == "":
        return None
    try:
        found = float("a bool" if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        refuse(f"{what} is no number: {value!r}")
    if not least <= found <= most:
        refuse(f"{what} is {value}: it is from {least:g} to {most:g}")
    return found


def flag(value: Any, what: str) -> bool:
    """A bool; False where nothing is given."""
    if value not in (None, True, False):
        refuse(f"{what} is yes or no, not {value!r}")
    return bool(value)

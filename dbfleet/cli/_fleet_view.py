"""What a person sees of `status`, `health`, `doctor`, `config show` and `where`. The records are those of the ops.

There is one line for each target, the worst first, with a mark that can be read without its colour. Below the lines it
says what is wrong and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from dbfleet.cli.layout import Cell, grid, painted, size, width, wrapped
from dbfleet.cli.render import harmless
from dbfleet.formats import Page
from dbfleet.formats._width import pad, shown

Record = Mapping[str, Any]

_MARKS: Final[Mapping[str, tuple[str, str | None]]] = {
    "failed": ("✗", "red"),
    "unreachable": ("✗", "red"),
    "unhealthy": ("✗", "red"),
    "unknown": ("?", "yellow"),
    "no answer": ("!", "yellow"),
    "starting": ("…", "yellow"),
    "stopped": ("-", "yellow"),
    "running": ("✓", "green"),
    "absent": ("·", "dim"),
}
"""The states, the worst first."""

_LEVELS: Final[Mapping[str, tuple[str, str | None]]] = {
    "fail": ("✗", "red"),
    "warn": ("!", "yellow"),
    "ok": ("✓", "green"),
}

_REMEDIES: Final = {
    "failed": "dbfleet logs {0} shows its last words, dbfleet up {0} starts it again",
    "unreachable": "check its host and port in dbfleet.toml, and that the server is up",
    "unhealthy": "dbfleet logs {0} shows why, dbfleet restart {0} starts it anew",
    "no answer": "dbfleet logs {0} shows why",
    "stopped": "dbfleet up {0} starts it",
}


def status(records: Sequence[Record], page: Page, told: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """One line for each target, then one for each service; below them a paragraph for each that needs one, and the
    texts in `told`, by the targets that they are about."""
    order = list(_MARKS)
    worst_first = sorted(records, key=lambda record: (record["engine"] is None, order.index(_state(record))))
    rows: list[Sequence[Cell]] = []
    for record in worst_first:
        state = _state(record)
        mark, colour = _MARKS[state]
        rows.append(
            [
                (f"{mark} {record['target']}", colour),
                (state, colour),
                _server(record),
                _port(record.get("url")),
                _memory(record.get("memory"), record.get("cap")),
            ]
        )
    yield from grid(("  target", "state", "server", "port", "memory"), rows, page, right=("port", "memory"))
    troubled = [record for record in worst_first if _state(record) not in ("running", "absent", "starting")]
    yield from _paragraphs(((_MARKS[_state(record)], record, _state(record)) for record in troubled), page)
    for names, text in told.items():
        yield ""
        yield from wrapped(harmless(f"! {names}: {text}"), page.width, rest="    ")
    if any(record["state"] == "absent" for record in records):
        yield ""
        text = (
            "absent: not started yet, or taken down. "
            "dbfleet up TARGET starts it, dbfleet up alone starts all that can run."
        )
        yield from (painted(line, "dim", page) for line in wrapped(text, page.width))


def health(records: Sequence[Record], page: Page) -> Iterator[str]:
    """A line a target that was asked, those that do not answer first."""
    worst_first = sorted(records, key=lambda record: bool(record["ok"]))
    rows: list[Sequence[Cell]] = []
    for record in worst_first:
        mark, colour = _MARKS["running" if record["ok"] else "failed"]
        took = f"{record['latency_ms']:.1f} ms" if record["latency_ms"] is not None else ""
        rows.append(
            [(f"{mark} {record['target']}", colour), ("" if record["ok"] else "no answer", colour), took,
             _server(record)]
        )  # fmt: skip
    yield from grid(("  target", "", "latency", "server"), rows, page, right=("latency",))
    ill = [record for record in worst_first if not record["ok"]]
    yield from _paragraphs(((_MARKS["failed"], record, "") for record in ill), page)


def doctor(records: Iterable[Record], page: Page) -> Iterator[str]:
    """The findings: first what cannot work, then what could be better, then what is right. Where a word is too wide for
    the room beside its check, a path mostly, the text stands below."""
    worst_first = sorted(records, key=lambda record: list(_LEVELS).index(record["level"]))
    wide = max((width(record["check"]) for record in worst_first), default=0)
    for record in worst_first:
        mark, colour = _LEVELS[record["level"]]
        first = painted(f"{mark} {pad(record['check'], wide)}", colour, page) + "  "
        words = f"{record['text']} {record['hint'] or ''}".split()
        below = page.width is not None and wide + 6 + max(map(width, words), default=0) > page.width
        rest = " " * (4 if below else wide + 4)
        lines = _indented(harmless(record["text"]), page, len(rest))
        yield first.rstrip() if below else first + lines.pop(0)
        yield from (rest + line for line in lines)
        if record["hint"]:
            yield from (rest + painted(line, "dim", page) for line in _hint(record["hint"], page, len(rest)))


def config(records: Iterable[Record], page: Page, default: str) -> Iterator[str]:
    """One line for each setting, with the source of those that are not at their default."""
    rows: list[Sequence[Cell]] = []
    for record in records:
        source = "" if record["origin"] == default else f"  (from {record['origin']})"
        rows.append([(record["key"], "bold"), shown(f"{record['value']}{source}")])
    yield from grid(("", ""), rows, page)
    yield from (painted(line, "dim", page) for line in wrapped("What names no source is built in.", page.width))


def where(records: Iterable[Record], page: Page) -> Iterator[str]:
    """One line for each place. A path is never broken, so that it can be copied."""
    rows: list[Sequence[Cell]] = [
        [(record["target"] or "", "bold"), record["what"], str(record["path"])] for record in records
    ]
    yield from grid(("", "", ""), rows, page)


def _state(record: Record) -> str:
    """The state as a person needs it: the runtime's word, except that a running server which does not answer is `no
    answer`, and a stopped server which was killed is `failed`."""
    if record.get("error") and (word := {"running": "no answer", "stopped": "failed"}.get(record["state"])):
        return word
    return record["state"] if record["state"] in _MARKS else "unknown"


def _server(record: Record) -> str:
    return harmless(f"{record.get('product') or ''} {record.get('version') or ''}").strip()


def _port(url: str | None) -> str:
    """The port of a URL, with the host where that is another machine."""
    try:
        parts = urlsplit(url or "")
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    local = host in (None, "127.0.0.1", "localhost", "::1")
    return harmless(str(port or "") if local else f"{host}:{port}" if port else str(host))


def _memory(used: int | None, cap: int | None) -> str:
    if used is None:
        return ""
    return f"{size(used)} of {size(cap)}" if cap else size(used)


def _paragraphs(troubles: Iterable[tuple[tuple[str, str | None], Record, str]], page: Page) -> Iterator[str]:
    """A paragraph for each target: what is wrong, and what to do about it."""
    blank = True
    for (mark, colour), record, state in troubles:
        if blank:
            yield ""
            blank = False
        name = record["target"]
        what = harmless(record.get("error") or (f"it is {state}" if state else "it does not answer"))
        hint = record.get("hint") or _REMEDIES.get(state, "dbfleet status {0} says more").format(name)
        what = what.removeprefix(f"{name}: ").removeprefix(f"{name} ")
        yield from wrapped(f"{painted(f'{mark} {name}', colour, page)}: {what}", page.width, rest="    ")
        yield from (f"    {line}" for line in _hint(hint, page, 4))


def _hint(text: str, page: Page, indent: int) -> list[str]:
    return [("→ " if not number else "  ") + line for number, line in enumerate(_indented(text, page, indent + 2))]


def _indented(text: str, page: Page, indent: int) -> list[str]:
    return wrapped(harmless(text), None if page.width is None else max(page.width - indent, 20))

"""`log`: the end of a server's own log, for the target's page. Read by a worker that is beside the runtime, as web
reaches the servers by their ports alone."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from dbfleet.console.jobs import kinds
from dbfleet.console.jobs.kinds import Arguments, Kind, Outcome, Work
from dbfleet.fleet import Fleet

_LINES: Final = 200
_WIDE: Final = 2_000
"""Of a line so much is kept."""


def _check(fleet: Fleet, arguments: Arguments) -> dict[str, Any]:
    lines = kinds.number(arguments.get("lines"), "lines", least=1, most=2_000)
    return {"target": kinds.target(fleet, arguments.get("target")), "lines": int(lines or _LINES)}


def _run(fleet: Fleet, arguments: Arguments, work: Work) -> Outcome:
    from dbfleet.ops.logs import logs

    kept: deque[str] = deque(maxlen=arguments["lines"])
    for line in logs(fleet, arguments["target"], lines=arguments["lines"]):
        kept.append(line if len(line) <= _WIDE else line[:_WIDE] + "…")
    return Outcome(rows=len(kept), result={"lines": list(kept)})


KIND = Kind(
    name="log",
    words="the end of a server's own log",
    takes={"target": "whose", "lines": "how many; 200 if nothing is said"},
    check=_check,
    run=_run,
    ends=lambda arguments: ("", str(arguments.get("target", ""))),
    works_on=lambda arguments: (),
    needs="host",
    kept_days=1,
)

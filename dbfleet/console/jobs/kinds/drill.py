"""`drill`: a dump restored into a throw-away server and proven there. Only a worker beside the runtime can do it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dbfleet.console.jobs import kinds
from dbfleet.console.jobs.kinds import Arguments, Kind, Outcome, Work
from dbfleet.fleet import Fleet


def _check(fleet: Fleet, arguments: Arguments) -> dict[str, Any]:
    dump = arguments.get("dump") or ""
    if not isinstance(dump, str):
        kinds.refuse("dump is the directory of one")
    return {
        "target": kinds.target(fleet, arguments.get("target")),
        "collections": kinds.names(arguments.get("collections"), "collections"),
        "dump": str(Path(dump).absolute()) if dump else "",
    }


def _run(fleet: Fleet, arguments: Arguments, work: Work) -> Outcome:
    from dbfleet.ops import drill as op

    target, collection = fleet.locate(arguments["target"])
    _, unguarded = kinds.reader(fleet, target)
    watch = _watch(work)
    found = op.drill(
        fleet, target, [*([collection] if collection else []), *arguments["collections"]],
        dump=Path(arguments["dump"]) if arguments["dump"] else None, read_only=not unguarded, watch=watch,
    )  # fmt: skip
    body = {**found.record(), "said": [*watch.texts, *([unguarded] if unguarded else [])]}
    verdict = {True: "ok", False: "red", None: "cannot tell"}[found.same]
    return Outcome(
        rows=found.rows, verdict=verdict, result=body, receipt=body, same=found.same, error=found.error or ""
    )


def _watch(work: Work) -> Any:
    from dbfleet.ops.drill import Watch

    class Telling(Watch):
        """Tells the job how far the drill is."""

        def __init__(self) -> None:
            self.texts: list[str] = []

        def stage(self, stage: Any, text: str) -> None:
            work.tell(0, text)

        def progress(self, stage: Any, collection: str, rows: int, total: int | None) -> None:
            work.tell(rows, f"{stage} {collection}")

        def server(self, event: Any) -> None:
            work.tell(0, f"{event.stage} {event.text}".strip())

        def said(self, text: str) -> None:
            self.texts.append(text)

    return Telling()


KIND = Kind(
    name="drill",
    words="a dump restored into a throw-away server",
    takes={
        "target": "what is dumped",
        "collections": "which; all if none is named",
        "dump": "a dump that is there, instead of a new one",
    },
    check=_check,
    run=_run,
    ends=lambda arguments: (str(arguments.get("target", "")), ""),
    needs="host",
)

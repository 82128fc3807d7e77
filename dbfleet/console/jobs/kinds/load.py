"""`load`: a dump or a file that the worker can reach, into a target."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from dbfleet.console.jobs import kinds
from dbfleet.console.jobs.kinds import Arguments, Kind, Outcome, Work
from dbfleet.fleet import Fleet


def _check(fleet: Fleet, arguments: Arguments) -> dict[str, Any]:
    source, mode = arguments.get("source"), arguments.get("mode") or "insert"
    if not isinstance(source, str) or not source:
        kinds.refuse("a load has a source: a dump's folder or a file")
    if mode not in ("insert", "upsert", "replace"):
        kinds.refuse(f"mode {mode} is none of insert, upsert, replace")
    return {
        "target": kinds.target(fleet, arguments.get("target")),
        "source": str(Path(source).absolute()),
        "mode": mode,
        "verify": kinds.flag(arguments.get("verify"), "verify"),
    }


def _run(fleet: Fleet, arguments: Arguments, work: Work) -> Outcome:
    from dbfleet.ops import load as op
    from dbfleet.ops.load import inputs

    target, collection = fleet.locate(arguments["target"])
    rows: dict[str, int] = {}

    def progress(name: str, count: int, total: int | None) -> None:
        rows[name] = count
        work.tell(sum(rows.values()), name)

    said: list[str] = []
    with inputs.find(arguments["source"], collection=collection) as found:
        done = list(
            op.load(
                fleet, target, found, mode=arguments["mode"], verify=arguments["verify"], tell=said.append,
                agree=lambda text: said.append(text), progress=progress,
            )
        )  # fmt: skip
    same = all(each.verified is not False for each in done) if arguments["verify"] else None
    body = {
        "target": target.name,
        "from": arguments["source"],
        "mode": arguments["mode"],
        "collections": [asdict(each) for each in done],
        "left": said,
    }
    return Outcome(rows=sum(each.rows for each in done), result=body, receipt=body, same=same)


KIND = Kind(
    name="load",
    words="a dump or a file into a target",
    takes={
        "target": "where it goes",
        "source": "a dump's folder or a file",
        "mode": "insert, upsert or replace",
        "verify": "read back",
    },
    check=_check,
    run=_run,
    ends=lambda arguments: (str(arguments.get("source", "")), str(arguments.get("target", ""))),
    works_on=lambda arguments: (str(arguments.get("target", "")),),
)

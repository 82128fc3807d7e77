"""`dump`: collections as files, in a folder of their own each time; of old dumps so many are kept."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbfleet.console.jobs import kinds
from dbfleet.console.jobs.kinds import Arguments, Kind, Outcome, Work
from dbfleet.fleet import Fleet
from dbfleet.ops._dump_files import MANIFEST, failing_by_name

_STAMP = "%Y%m%dT%H%M%SZ"


def _check(fleet: Fleet, arguments: Arguments) -> dict[str, Any]:
    from dbfleet.ops.dump import check

    format_ = kinds.text(arguments.get("format"), "format") or "jsonl"
    compress = kinds.text(arguments.get("compress"), "compress") or None
    directory = kinds.text(arguments.get("directory"), "directory")
    check(format_, compress)
    keep = kinds.number(arguments.get("keep"), "keep", least=1, most=100_000)
    return {
        "target": kinds.target(fleet, arguments.get("target")),
        "collections": kinds.names(arguments.get("collections"), "collections"),
        "directory": str(Path(directory).absolute()) if directory else "",
        "format": format_,
        "compress": compress,
        "keep": int(keep) if keep else None,
    }


def _run(fleet: Fleet, arguments: Arguments, work: Work) -> Outcome:
    from dbfleet.ops import dump as op

    target, collection = fleet.locate(arguments["target"])
    names = [*([collection] if collection else ()), *arguments.get("collections", ())]
    root = Path(arguments["directory"]) if arguments.get("directory") else fleet.made_state() / "dumps"
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", arguments["target"])
    directory = root / f"{name}-{datetime.now(UTC):{_STAMP}}"
    with failing_by_name(root):
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
    said: list[str] = []
    rows: dict[str, int] = {}

    def progress(collection: str, count: int) -> None:
        rows[collection] = count
        work.tell(sum(rows.values()), collection)

    done = list(
        op.dump(
            fleet, target, names, directory=directory, format=arguments["format"], compress=arguments["compress"],
            tell=said.append, progress=progress,
        )
    )  # fmt: skip
    removed = _remove_old(root, name, arguments.get("keep"))
    body = {
        "target": target.name,
        "directory": str(directory),
        "collections": [{"collection": each.collection, "rows": each.rows, "digest": each.digest} for each in done],
        "left": said,
        "removed": removed,
    }
    return Outcome(rows=sum(each.rows for each in done), result=body, receipt=body)


def _remove_old(root: Path, name: str, keep: int | None) -> list[str]:
    """Remove whole dumps of this name beyond the newest `keep`. What is no dump of ours is never touched."""
    if not keep:
        return []
    pattern = re.compile(re.escape(name) + r"-\d{8}T\d{6}Z")
    ours = sorted(each for each in root.iterdir() if pattern.fullmatch(each.name) and (each / MANIFEST).is_file())
    old = ours[:-keep]
    for each in old:
        shutil.rmtree(each)
    return [str(each) for each in old]


KIND = Kind(
    name="dump",
    words="collections as files",
    takes={
        "target": "what is dumped",
        "collections": "which; all if none is named",
        "directory": "where the dumps go; each gets a folder of its own",
        "format": "jsonl, csv or parquet",
        "compress": "gzip or zstd",
        "keep": "how many dumps stay",
    },
    check=_check,
    run=_run,
    ends=lambda arguments: (str(arguments.get("target", "")), str(arguments.get("directory") or "")),
    works_on=lambda arguments: (str(arguments.get("target", "")),),
)

"""`sync`: makes one target like another, by the changes that somebody has seen (ops/diff/sync.py).

Two jobs: one with `preview` finds the changes and keeps their statements for the page, and changes nothing. One with
`agreed`, the digest of what the preview has shown, finds them again and writes them only if they are the same ones:
what was not seen is not written.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from dbfleet.console.jobs import kinds
from dbfleet.console.jobs.kinds import Arguments, Kind, Outcome, Work
from dbfleet.errors import Unsupported, UsageError
from dbfleet.fleet import Fleet

_SHOWN: Final = 64 * 1024
"""Bytes of the statements that a preview keeps; how many more there are it says."""


def _check(fleet: Fleet, arguments: Arguments) -> dict[str, Any]:
    preview = kinds.flag(arguments.get("preview"), "preview")
    agreed = arguments.get("agreed") or ""
    if not isinstance(agreed, str) or preview == bool(agreed):
        kinds.refuse("a sync is previewed first", "preview, then agreed with the digest that the preview has shown")
    return {
        "source": kinds.target(fleet, arguments.get("source"), "the source"),
        "target": kinds.target(fleet, arguments.get("target"), "the target"),
        "columns": kinds.names(arguments.get("columns"), "columns"),
        "ignore": kinds.names(arguments.get("ignore"), "ignore"),
        "where": kinds.text(arguments.get("where"), "where"),
        "preview": preview,
        "agreed": agreed,
    }


def _run(fleet: Fleet, arguments: Arguments, work: Work) -> Outcome:
    from dbfleet.ops.diff.sync import Sync

    (source, one), (target, other) = fleet.locate(arguments["source"]), fleet.locate(arguments["target"])
    watch = _watch(work)
    with Sync(
        fleet, source, target, one, other, columns=arguments["columns"], ignore=arguments["ignore"],
        where=arguments["where"] or None, watch=watch,
    ) as sync:  # fmt: skip
        digest = sync.digest()
        body: dict[str, Any] = {
            "source": arguments["source"],
            "target": arguments["target"],
            "stakes": sync.stakes,
            "digest": digest,
        }
        if arguments["preview"]:
            return Outcome(result={**body, **_shown(sync), "preview": True})
        if digest != arguments["agreed"]:
            raise UsageError(
                f"what differs between {arguments['source']} and {arguments['target']} is not what the preview has "
                "shown: nothing was written",
                hint="preview it again",
            )
        written = [asdict(each) for each in sync.write()]
        rows = sum(each["added"] + each["removed"] + each["changed"] for each in written)
        body |= {"collections": written, "said": watch.texts}
        return Outcome(
            rows=rows,
            verdict="red" if sync.complaint else "",
            result=body,
            receipt=body,
            same=not sync.complaint,
            error=sync.complaint,
        )


def _shown(sync: Any) -> dict[str, Any]:
    """The beginning of the changes as statements, how many bytes these are, and why there are none."""
    shown, size = bytearray(), 0
    try:
        for chunk in sync.text():
            size += len(chunk)
            shown += chunk[: _SHOWN - len(shown)]
    except Unsupported as error:  # the language cannot say it; it can be written nevertheless
        return {"statements": "", "bytes": 0, "no_statements": error.message}
    return {"statements": shown.decode("utf-8", "ignore"), "bytes": size, "no_statements": ""}


def _watch(work: Work) -> Any:
    from dbfleet.ops.diff import Watch

    class Told(Watch):
        """What it tells on its way, for the job's record."""

        def __init__(self) -> None:
            self.texts: list[str] = []

        def said(self, text: str) -> None:
            """Keep it."""
            self.texts.append(text)

        def progress(self, side: str, collection: str, rows: int) -> None:
            """Say how far it is."""
            work.tell(rows, f"{side}: {collection}")

    return Told()


KIND = Kind(
    name="sync",
    words="make one target like another, by the changes that a preview has shown",
    takes={
        "source": "the target to be like, or one collection of it",
        "target": "the target that is changed, or one collection of it",
        "columns": "compare these alone",
        "ignore": "leave these out",
        "where": "rows of these keys alone",
        "preview": "find the changes, write nothing",
        "agreed": "the digest of the changes that were shown",
    },
    check=_check,
    run=_run,
    ends=lambda arguments: (str(arguments.get("source", "")), str(arguments.get("target", ""))),
)

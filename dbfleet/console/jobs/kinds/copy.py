"""`copy`: collections from one target into another, the parts by all workers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dbfleet import rules
from dbfleet.console.jobs import kinds
from dbfleet.console.jobs.kinds import Arguments, Kind, Outcome, Work
from dbfleet.errors import FleetPartlyFailed, VerifyFailed
from dbfleet.fleet import Fleet
from dbfleet.ops import copy as op


def _check(fleet: Fleet, arguments: Arguments) -> dict[str, Any]:
    mode = arguments.get("mode") or "insert"
    if mode not in ("insert", "upsert", "replace"):
        kinds.refuse(f"mode {mode} is none of insert, upsert, replace")
    hands = kinds.number(arguments.get("hands"), "hands", least=1, most=64)
    source, sink = kinds.target(fleet, arguments.get("source")), kinds.target(fleet, arguments.get("sink"))
    names = kinds.names(arguments.get("collections"), "collections")
    if "." in sink and len([*names, *(["one"] if "." in source else [])]) != 1:
        kinds.refuse(f"{sink} is one collection: name the one to copy")
    return {
        "source": source,
        "sink": sink,
        "collections": names,
        "mode": mode,
        "verify": kinds.flag(arguments.get("verify"), "verify"),
        "strict": kinds.flag(arguments.get("strict"), "strict"),
        "views": kinds.flag(arguments.get("views"), "views"),
        "exclude": kinds.names(arguments.get("exclude"), "exclude"),
        "rules": _rules(arguments.get("rules")),
        "keep_going": kinds.flag(arguments.get("keep_going"), "keep_going"),
        "hands": int(hands) if hands else None,
    }


def _rules(given: Any) -> list[str]:
    texts = kinds.names(given, "rules")
    for text in texts:
        rules.parsed(text)  # UsageError for what is none
    return texts


def _run(fleet: Fleet, arguments: Arguments, work: Work) -> Outcome:
    from dbfleet.console.jobs import hands

    (source, one), (sink, name) = fleet.locate(arguments["source"]), fleet.locate(arguments["sink"])
    names = [*([one] if one else []), *arguments["collections"]]
    watch = _Watch(work)
    started = datetime.now(UTC)
    failed: VerifyFailed | FleetPartlyFailed | None = None
    unread: dict[str, str] = {}
    done: list[op.Copied] = []
    count = arguments["hands"] or hands.free()
    handed = hands.Hands(work.job, source, sink, count)
    resumes = work.resumes and handed.crew.journal.exists()
    try:
        done.extend(
            op.copy(
                fleet, source, sink, names, rename=name, mode=arguments["mode"], verify=arguments["verify"],
                strict=arguments["strict"], views=arguments.get("views", False), resume=resumes, jobs=count,
                rules=[rules.parsed(text) for text in arguments.get("rules", ())],
                exclude=arguments.get("exclude", ()), keep_going=arguments.get("keep_going", False),
                watch=watch, crew=handed.crew,
            )
        )  # fmt: skip
    except (VerifyFailed, FleetPartlyFailed) as error:
        failed = error
        if isinstance(error, FleetPartlyFailed):
            unread = {name: each.message for name, each in error.failures.items()}
    told = [f"{name}, which cannot be read: {why}" for name, why in unread.items()]
    watch.left += [text for text in told if text not in watch.left]
    body = op.receipt(fleet, source, sink, done, started, watch.left)
    body["moment"] = "per part" if resumes else handed.moment
    body["said"], body["unread"] = watch.texts, unread
    same = all(each.same is not False for each in done) if arguments["verify"] else None
    return Outcome(
        rows=sum(each.rows for each in done),
        verdict="red" if failed else "",
        result=body,
        receipt={**body, "same": same},
        same=same,
        error=failed.message if failed else "",
    )


class _Watch(op.Watch):
    """What a copy tells on its way, for the job's record."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._rows: dict[str, int] = {}
        self.left: list[str] = []
        self.texts: list[str] = []

    def planned(self, plan: Any) -> None:
        self.left = list(plan.left)

    def agree(self, plan: Any) -> None:
        """Whoever made the job has agreed."""

    def finished(self, collection: str, rows: int, seconds: float) -> None:
        self.progress(collection, rows, rows)

    def progress(self, collection: str, done: int, total: int) -> None:
        self._rows[collection] = done
        self._work.tell(sum(self._rows.values()), collection)

    def said(self, text: str) -> None:
        self.texts.append(text)


KIND = Kind(
    name="copy",
    words="collections from one target into another",
    takes={
        "source": "a target, or one collection of it",
        "sink": "a target, or the collection's new name there",
        "collections": "which; all if none is named",
        "mode": "insert, upsert or replace",
        "verify": "read back and compare digests",
        "strict": "refuse what is not kept exactly",
        "views": "views too, between two of one engine",
        "exclude": "which not: names or patterns such as log_*",
        "rules": "how columns are read: created: zero-date=null",
        "keep_going": "leave out what cannot be read, and tell it",
        "hands": "how many parts at a time; as many as the workers have room for",
    },
    check=_check,
    run=_run,
    ends=lambda arguments: (str(arguments.get("source", "")), str(arguments.get("sink", ""))),
    parts=True,
)

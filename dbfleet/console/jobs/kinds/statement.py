"""`statement`: a statement that may write, in the engine's own language, by the account that can.

It is begun once: where the worker dies in the middle, nobody knows what has taken effect, and the job says so instead
of doing it twice.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from dbfleet.console.jobs import kinds
from dbfleet.console.jobs.kinds import Arguments, Kind, Outcome, Work
from dbfleet.console.statements.record import check_text, text_on_record
from dbfleet.fleet import Fleet
from dbfleet.formats import Plain, encode

_SHOWN_ROWS: Final = 20
_SHOWN: Final = 20_000
"""Of the rows that come back, so many, and so many characters of them, are kept with the job."""


def _check(fleet: Fleet, arguments: Arguments) -> dict[str, Any]:
    from dbfleet.ops import query as op

    target = kinds.target(fleet, arguments.get("target"))
    if "." in target:
        kinds.refuse(f"{target} names a collection; a statement names its collections itself")
    params = arguments.get("params") or []
    if not isinstance(params, list | tuple) or not all(isinstance(each, str) for each in params):
        kinds.refuse("params are a list of name=value")
    op.parameters(params)
    return {
        "target": target,
        "text": check_text(arguments.get("text")),
        "params": list(params),
        "timeout_s": kinds.number(arguments.get("timeout_s"), "timeout_s", least=0.1, most=7 * 86400),
    }


def _run(fleet: Fleet, arguments: Arguments, work: Work) -> Outcome:
    from dbfleet.ops import query as op

    target = fleet.target(arguments["target"])
    params = op.parameters(arguments["params"])
    given = [each for each in (arguments["timeout_s"], work.timeouts_s.get(target.name)) if each]
    told: list[op.Told] = []
    shown: list[str] = []
    rows, room = 0, _SHOWN
    with op.query(
        fleet, [(target, None)], arguments["text"], params,
        limits_s={target.name: min(given)} if given else None, tell=told.append,
    ) as answers:  # fmt: skip
        for result in answers.results:
            left = _SHOWN_ROWS
            for batch in result:
                rows += len(batch)
                work.tell(rows, target.name)
                if left > 0 and room > 0:
                    first = Plain(result.columns, [list(islice(batch, left))], result.documents)
                    text = b"".join(encode("jsonl", [first])).decode("utf-8", "replace")[:room]
                    left, room = left - len(batch), room - len(text)
                    shown.append(text)
    said = [{"rows": each.rows, "affected": each.affected, "messages": list(each.messages)[:100]} for each in told]
    body = {"target": target.name, **text_on_record(arguments["text"]), "params": sorted(params), "statements": said}
    return Outcome(
        rows=sum(each.affected or 0 for each in told) or rows,
        result={"statements": said, "shown": "".join(shown).replace("\0", "�"), "rows": rows},
        receipt=body,
    )


KIND = Kind(
    name="statement",
    words="a statement that may write",
    takes={
        "target": "of whom it is asked",
        "text": "the statement",
        "params": "a list of name=value and name:type=value",
        "timeout_s": "after so many seconds it is stopped",
    },
    check=_check,
    run=_run,
    ends=lambda arguments: ("", str(arguments.get("target", ""))),
    once=True,
)

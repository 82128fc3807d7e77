"""Other people's values through every verb that reads them: a walk never sees exit 70, a traceback or a hang.

A zoo test puts values into a database in the engine's own words, by its driver, and calls `walk`: `ls`, `describe`,
`digest`, `query` in every format, `dump` and `load` of the dump, `copy` into SQLite and into the same server, `diff`
with what was copied. Each verb ends with a code that stands in the one table, and says why where it is not 0. What came
out right is the test's own question: it gets every verb's code and output.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dbfleet.cli.exit import Code, main

FORMATS = ("jsonl", "json", "csv", "tsv", "markdown", "table")


@dataclass(frozen=True)
class Ran:
    verb: str
    code: int
    out: bytes
    err: str


def run(*arguments: str) -> Ran:
    """One command, in this process: its code, stdout and stderr. 70, or a traceback on stderr, fails the test."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True), io.StringIO()
    before = sys.stdout, sys.stderr
    try:
        sys.stdout, sys.stderr = out, err
        with contextlib.redirect_stderr(err):
            code = main(list(arguments))
    finally:
        sys.stdout, sys.stderr = before
    ran = Ran(arguments[0], code, out.buffer.getvalue(), err.getvalue())  # type: ignore[attr-defined]
    assert ran.code != Code.BUG, (arguments, ran)
    assert ran.code in set(Code), (arguments, ran)
    assert "Traceback" not in ran.err, (arguments, ran)
    assert ran.code in (Code.OK, Code.NO) or ran.err.strip(), f"{arguments} says nothing about its {ran.code}"
    return ran


def walk(url: str, collection: str, folder: Path, *, statement: str, sink: str | None = None) -> dict[str, Ran]:
    """Every verb over one collection of the target at `url`; `statement` reads it all. `sink` is the URL of another
    database of the same engine, to be copied into. The results by the verb's name, `query FORMAT`, `copy sqlite`, `diff
    sqlite`, `copy sink`, `diff sink`."""
    ran = {"ls": run("ls", url), "describe": run("describe", f"{url}#{collection}")}
    ran["digest"] = run("digest", f"{url}#{collection}")
    for each in FORMATS:
        ran[f"query {each}"] = run("query", url, statement, "--format", each)
    ran["dump"] = run("dump", url, collection, "-o", str(folder / "dump"))
    if ran["dump"].code == 0:
        ran["load"] = run("load", f"sqlite:///{folder}/loaded.db", str(folder / "dump"))
    else:
        assert not (folder / "dump").exists(), "a dump that failed leaves a folder"
    sinks = {"sqlite": f"sqlite:///{folder}/copied.db", **({"sink": sink} if sink else {})}
    for name, other in sinks.items():
        ran[f"copy {name}"] = copied = run("copy", url, other, collection, "--mode", "replace", "--yes", "--verify")
        if copied.code == 0:
            ran[f"diff {name}"] = compared = run("diff", f"{url}#{collection}", f"{other}#{collection}")
            assert compared.code == 0, f"copy --verify said the same, diff does not: {compared}"
    return ran


def codes(ran: dict[str, Ran], *verbs: Sequence[str]) -> dict[str, int]:
    """The codes by verb, for one assertion that shows them all."""
    return {name: each.code for name, each in ran.items() if not verbs or name in verbs}

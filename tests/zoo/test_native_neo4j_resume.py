"""A native copy of a graph that was killed goes on with --resume, and nothing of its marks is left; which none of them
is read as part of a node meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.zoo.neo4j_kinds import KINDS, ask, fill, told
from tests.zoo.test_native_neo4j import Pair, dumped, two_graphs, url  # noqa: F401
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("neo4j")

KILLED = """
import os, signal, sys
from dbfleet.cli.exit import main
from dbfleet.engines.neo4j.native import take, write
stage, turn = sys.argv[1], int(sys.argv[2])
write.ROWS = 3
seen = [0]
def dying(before, wanted):
    def call(self, *arguments, **options):
        if wanted(self, *arguments):
            seen[0] += 1
            if seen[0] == turn:
                os.killpg(0, signal.SIGKILL)
        return before(self, *arguments, **options)
    return call
if stage in ("_Nodes", "_Relationships"):
    write._Writer._store = dying(write._Writer._store, lambda self, *_: type(self).__name__ == stage)
else:
    take.Taking.take = dying(take.Taking.take, lambda self, step, *_: step.stage == stage)
main(sys.argv[3:])
"""
"""A command that kills itself and its workers before it stores a batch, or takes a step, for the nth time."""

_STAGES = [("before", 1), ("collections", 2), ("_Nodes", 5), ("_Relationships", 3), ("keys", 2), ("after", 1)]


def killed(stage: str, turn: int, *command: str) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", KILLED, stage, str(turn), *command],
        start_new_session=True, capture_output=True, check=False,
    )  # fmt: skip
    assert dead.returncode == -signal.SIGKILL, dead


@pytest.mark.parametrize(("stage", "turn"), _STAGES)
def test_a_copy_that_was_killed_goes_on(pair: Pair, stage: str, turn: int) -> None:
    source, sink = pair
    for kind in ("labels", "relationships", "alike", *(("indexes",) if stage == "keys" else ())):
        fill(source, KINDS[kind])
    killed(stage, turn, "copy", url(source), url(sink))
    if stage == "after":
        assert ask(sink, "MATCH (x:_dbfleet_mark) RETURN count(x)") == ask(source, "MATCH (x) RETURN count(x)")
        assert run("diff", url(source), url(sink)).code == 0
    resumed = run("copy", url(source), url(sink), "--resume", "--verify")
    assert resumed.code == 0, resumed
    assert told(sink) == told(source)


@pytest.mark.parametrize(("stage", "turn"), [("_Nodes", 3), ("_Relationships", 2)])
def test_a_replacement_that_was_killed_goes_on(pair: Pair, stage: str, turn: int) -> None:
    source, sink = pair
    for each in pair:
        fill(each, [*KINDS["labels"], *KINDS["relationships"]])
    fill(sink, ["MATCH (n) SET n.old = 1"])
    options = ("--mode", "replace", "--yes")
    killed(stage, turn, "copy", url(source), url(sink), *options)
    resumed = run("copy", url(source), url(sink), "--resume", *options, "--verify")
    assert resumed.code == 0, resumed
    assert told(sink) == told(source)


def test_after_a_kill_a_copy_begins_anew(pair: Pair) -> None:
    source, sink = pair
    for kind in ("labels", "relationships"):
        fill(source, KINDS[kind])
    killed("_Relationships", 2, "copy", url(source), url(sink))
    again = run("copy", url(source), url(sink))
    assert again.code == 2, again
    again = run("copy", url(source), url(sink), "--mode", "replace", "--yes", "--verify")
    assert again.code == 0, again
    assert told(sink) == told(source)

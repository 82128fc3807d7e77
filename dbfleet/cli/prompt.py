"""The two ways of `shell`: to hand the terminal over to the engine's own client, or to read statements here.

Rule of reading: a statement ends with `;` at the end of a line, or at an empty line; for a key-value engine each line
is a statement. After an error, reading goes on. Ctrl-C drops what was typed; Ctrl-D or \\q ends. Without a terminal
there is no prompt, and the first error ends the command with its exit code.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbfleet.cli import render
from dbfleet.cli.signals import answered
from dbfleet.cli.streams import is_terminal
from dbfleet.errors import DbfleetError, RuntimeFailure, Unavailable

if TYPE_CHECKING:
    from dbfleet.fleet import Fleet
    from dbfleet.runtimes import ClientCommand
    from dbfleet.target import Target


def hand_over(command: ClientCommand) -> int:
    """Run the client on this terminal to its end, and return its exit code. Ctrl-C goes to the client alone."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # Not exec, because signal handlers and the terminal's state are restored afterwards.
        with subprocess.Popen(
            command.argv,
            env={**os.environ, **command.environment},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as child:
            try:
                code = child.wait()
            except BaseException:  # SIGTERM, which only we got
                child.terminate()
                raise
    except OSError as error:
        raise RuntimeFailure(f"{command.argv[0]} could not be run: {error.strerror}") from error
    finally:
        signal.signal(signal.SIGINT, previous)
    return code if code >= 0 else 128 - code


def run(fleet: Fleet, target: Target) -> None:
    """Read statements from stdin and answer them, all over one connection."""
    terminal = is_terminal(sys.stdin)
    if terminal:
        spec = fleet.spec(target)
        lack = f"no client of {spec.title} is here" if spec.client or spec.shell else f"{spec.title} has no client"
        render.say(f"{lack}: dbfleet reads statements itself; \\q ends")
        _edit_lines()
    with fleet.connect(target) as adapter:
        for statement in _statements(target.name, terminal, by_line=fleet.spec(target).paradigm == "key-value"):
            try:
                with adapter.query(statement) as result:
                    render.results(result)
            except Unavailable:
                raise
            except DbfleetError as error:
                if not terminal:
                    raise
                render.complain_of(error)
            except KeyboardInterrupt:
                if not terminal:
                    raise
                answered()
                adapter.cancel()
                render.say("interrupted")


def _edit_lines() -> None:
    try:
        import readline  # noqa: F401  # with it, input() can edit lines and keeps a history
    except ImportError:
        pass


def _statements(name: str, terminal: bool, *, by_line: bool) -> Iterator[str]:
    lines: list[str] = []
    while True:
        prompt = f"{name}> " if not lines else " " * len(name) + "> "
        try:
            line = input(prompt) if terminal else _line()
        except EOFError:
            if lines:
                yield "\n".join(lines)
            if terminal:
                print(file=sys.stderr)
            return
        except KeyboardInterrupt:
            if not terminal:
                raise
            answered()
            print(file=sys.stderr)
            lines = []
            continue
        if not lines and line.strip() in ("\\q", "exit", "quit"):
            return
        if line.strip():
            lines.append(line)
        if lines and (by_line or not line.strip() or line.rstrip().endswith(";")):
            yield "\n".join(lines)
            lines = []


def _line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")

"""What it costs to begin, in CPU seconds: the help, and a first answer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from bench.measure import Case, command
from bench.servers import Servers

_TYPER = "import typer\ndef main(name: str = 'x'):\n    'A program.'\ntyper.run(main)"


def cases(servers: Servers) -> Iterator[tuple[str, Callable[[], Case]]]:
    yield (
        "dbfleet --help",
        lambda: Case(
            "dbfleet --help",
            1.3,
            ours=lambda: command([sys.executable, "-m", "dbfleet", "--help"]),
            theirs=lambda: command([sys.executable, "-c", _TYPER, "--help"]),
            cpu=True,
        ),
    )
    yield "query postgres 'select 1'", lambda: _select(servers)


def _select(servers: Servers) -> Case:
    url = servers.target("postgres").url(reveal=True)
    code = f"import psycopg\nwith psycopg.connect({url!r}) as c: print(c.execute('select 1').fetchone())"
    return Case(
        "query postgres 'select 1'",
        1.3,
        ours=lambda: command([sys.executable, "-m", "dbfleet", "query", "postgres", "select 1"]),
        theirs=lambda: command([sys.executable, "-c", code]),
        cpu=True,
    )

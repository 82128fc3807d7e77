"""`python -m bench [--rows N] [--only WORD] [--runs N] [--keep]`."""

from __future__ import annotations

import argparse
import compileall
import os

from bench import console, copy, diff, doubles, move, native, query, seed, start
from bench.measure import HEADING, NotRun, line
from bench.servers import ROOT, Servers


def _compiled() -> str:
    """Compile first what a first run would, and say whether Python may keep it: without it every start takes twice as
    long."""
    done = compileall.compile_dir(ROOT / "dbfleet", quiet=2)
    kept = "" if done else ", but not all of it could be written"
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        return (
            f"PYTHONDONTWRITEBYTECODE is set: dbfleet is compiled{kept}, what it imports may be compiled at each start"
        )
    return f"bytecode is compiled{kept}; PYTHONDONTWRITEBYTECODE is not set"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description="What dbfleet costs against named rivals.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="orders; the other collections follow")
    parser.add_argument("--only", default="", help="lines whose names hold this")
    parser.add_argument("--runs", type=int, default=3, help="pairs of runs a line")
    parser.add_argument("--keep", action="store_true", help="leave the servers up")
    options = parser.parse_args()
    servers = Servers()
    print(_compiled())
    print(f"{options.rows} orders, medians of {options.runs} pairs\n{HEADING}", flush=True)
    try:
        for name, make in [
            *start.cases(servers),
            *query.cases(servers, options.rows),
            *seed.cases(servers, options.rows),
            *doubles.cases(servers, options.rows),
            *move.cases(servers, options.rows),
            *diff.cases(servers, options.rows),
            *copy.cases(servers, options.rows),
            *native.cases(servers, options.rows),
            *console.cases(servers, options.rows),
        ]:
            if options.only not in name:
                continue
            try:
                print(line(make(), options.runs), flush=True)
            except NotRun as why:
                print(f"{name:<44} not run: {why}", flush=True)
    finally:
        if not options.keep:
            servers.down()


if __name__ == "__main__":
    main()

"""Databases of PostgreSQL that a test has for itself, and what the server's own pg_dump says of them."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from dbfleet import registry
from dbfleet.target import Target

ZOO = Path(__file__).with_name("postgres.sql")


class Databases:
    """New databases on the target's server; `drop` removes them all."""

    def __init__(self, target: Target, name: str) -> None:
        self._target, self._name, self._made = target, name, 0

    def new(self, *statements: str) -> Target:
        """A database in which these have been run, one script each."""
        self._made += 1
        name = f"{self._name}_{self._made}"
        with psycopg.connect(self._target.url(reveal=True), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        made = replace(self._target, name=f"db{self._made}", database=name)
        for script in statements:
            run_sql(made, script)
        return made

    def drop(self) -> None:
        with psycopg.connect(self._target.url(reveal=True), autocommit=True) as connection:
            for number in range(1, self._made + 1):
                connection.execute(f"DROP DATABASE IF EXISTS {self._name}_{number} WITH (FORCE)")


@contextmanager
def databases(target: Target, name: str) -> Iterator[Databases]:
    made = Databases(target, name)
    try:
        yield made
    finally:
        made.drop()


def url(target: Target) -> str:
    return target.url(reveal=True)


def run_sql(target: Target, script: str) -> None:
    """A script of statements, in a transaction of its own."""
    with psycopg.connect(url(target)) as connection:
        connection.execute(script.encode())


def ask(target: Target, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url(target)) as connection:
        return connection.execute(statement.encode()).fetchall()


def told(target: Target) -> dict[str, list[str]]:
    """All that a database holds, by the oldest pg_dump that reads its server; where there is none, by its catalogue."""
    said = _by_pg_dump(target)
    return said if said is not None else by_catalogue(target)


def differing(sink: Target, source: Target, *, views: bool = False) -> str:
    """The lines by which two databases differ, as a diff; those of the zoo's view are left out unless `views`."""
    there, here = told(source), told(sink)
    found: list[str] = []
    for what in there:
        lines = [said[what] if views else _without_views(said[what]) for said in (there, here)]
        found += difflib.unified_diff(*lines, "source", "sink", n=0, lineterm="")
    return "\n".join(found)


def _without_views(lines: list[str]) -> list[str]:
    return [line for line in lines if "vw" not in line and '"?column?"' not in line]


def _by_pg_dump(target: Target) -> dict[str, list[str]] | None:
    program = _pg_dump(target)
    if program is None:
        return None
    return {
        what: _lines(program, target, f"--{what}-only", "--no-owner", "--restrict-key=x")
        if _restricts(program)
        else _lines(program, target, f"--{what}-only", "--no-owner")
        for what in ("schema", "data")
    }


def _lines(program: str, target: Target, *options: str) -> list[str]:
    text = subprocess.run(
        [program, *options, url(target)], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    # From 17.12 on a server notes when it has made a column; a pg_dump that is older takes that for a setting.
    text = re.sub(r"pg_attver=\d+(, )?", "", text)
    lines = (line for line in text.splitlines() if line and not line.startswith("--"))
    return sorted(line for line in lines if not line.endswith(" SET ();"))


def _restricts(program: str) -> bool:
    return "restrict-key" in subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout


def _pg_dump(target: Target) -> str | None:
    with psycopg.connect(url(target)) as connection:
        wanted = connection.info.server_version // 10_000
    local = registry.spec("postgres").local
    found = local.bundled() if local and local.bundled else None
    places = [found, *map(Path, os.environ.get("PATH", "").split(":")), *Path("/usr/lib/postgresql").glob("*/bin")]
    for place in places:
        program = shutil.which("pg_dump", path=str(place)) if place else None
        if program:
            version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
            number = re.search(r"\) (\d+)", version)
            if number and int(number[1]) >= wanted:
                return program
    return None


def by_catalogue(target: Target) -> dict[str, list[str]]:
    """The server's own words for everything that pg_dump would ask it for, and each row as text."""
    spoken = ask(
        target,
        """
        SELECT c.oid::regclass || ' ' || c.relkind::text || c.relpersistence::text || coalesce(c.reloptions::text, '')
            || coalesce(pg_get_partkeydef(c.oid), '') || coalesce(pg_get_expr(c.relpartbound, c.oid), '')
            || c.relrowsecurity || c.relreplident::text || coalesce(obj_description(c.oid, 'pg_class'), '')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^(pg_|information_)'
        UNION ALL SELECT a.attrelid::regclass || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
            || a.attnotnull || a.attidentity::text || a.attgenerated::text || a.attstorage::text
            || a.attcollation || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
            || coalesce(col_description(a.attrelid, a.attnum), '')
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE n.nspname !~ '^(pg_|information_)' AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace::regnamespace::text !~ '^(pg_|information_)' AND conrelid <> 0
        UNION ALL SELECT pg_get_indexdef(x.indexrelid) FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^(pg_|information_)'
        UNION ALL SELECT t.oid::regtype || ' ' || t.typtype::text || coalesce((
            SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), '')
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname !~ '^(pg_|information_)'
        UNION ALL SELECT to_jsonb(s)::text FROM pg_sequences s
        UNION ALL SELECT to_jsonb(p)::text FROM pg_policies p
        UNION ALL SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext
        """,
    )
    names = ask(target, "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace"
                        "::text !~ '^(pg_|information_)'")  # fmt: skip
    rows = [f"{name} {row}" for (name,) in names for (row,) in ask(target, f"SELECT t::text FROM ONLY {name} t")]
    return {"schema": sorted(text for (text,) in spoken), "data": sorted(rows)}

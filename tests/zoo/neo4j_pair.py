"""Two servers of Neo4j for the tests that need every node of both: the Community Edition has one database."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbfleet.fleet import Fleet
from dbfleet.ops.down import down
from dbfleet.ops.up import up
from dbfleet.target import Target


@contextmanager
def two_servers() -> Iterator[tuple[Target, Target]]:
    """Both of them, up; they go with their data."""
    root = Path(tempfile.mkdtemp(prefix="dbf"))
    image = os.environ.get("DBFLEET_NEO4J_IMAGE")
    named = f'image = "{image}"\n' if image else ""
    file = root / "dbfleet.toml"
    file.write_text("".join(f'[targets.{name}]\nengine = "neo4j"\n{named}' for name in ("one", "two")), "utf-8")
    environ = {**os.environ, "DBFLEET_STATE_DIR": str(root), "DBFLEET_CONFIG": str(file)}
    fleet = Fleet.open(f"g{uuid.uuid4().hex[:8]}", environ=environ)
    try:
        for name in ("one", "two"):  # side by side they may choose one port
            up(fleet, [name])
        yield fleet.target("one"), fleet.target("two")
    finally:
        if fleet.records():
            down(fleet, volumes=True)
        shutil.rmtree(root, ignore_errors=True)

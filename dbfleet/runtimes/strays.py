"""Server processes whose folder is gone: found by the folder that they work in, ended, and what they have left."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from dbfleet.runtimes.accounts import SHARED
from dbfleet.runtimes.ports import short_hash


def of_lost_folders(root: Path, names: re.Pattern[str]) -> Iterator[str]:
    """End the servers of fleets with such a name whose folder in this state directory is gone, and remove what they
    have elsewhere (runtimes/homes.py); the name of each."""
    import psutil

    root = root.resolve()
    lost: dict[str, list[Path]] = {}
    for place in SHARED:
        for folder in place.glob("*") if place.is_dir() else ():
            name, _, mark = folder.name.rpartition("-")
            if names.fullmatch(name) and mark == short_hash(os.fsencode(root / name)) and not (root / name).exists():
                lost.setdefault(name, []).append(folder)
    working: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        try:
            works_in = process.cwd().removesuffix(" (deleted)")
        except psutil.Error:
            continue
        for name, others in lost.items():
            if any(works_in.startswith(f"{other}{os.sep}") for other in others):
                working.setdefault(name, []).append(process)
        if works_in.startswith(f"{root}{os.sep}"):
            name = works_in.removeprefix(f"{root}{os.sep}").partition(os.sep)[0]
            if names.fullmatch(name) and not (root / name).exists():
                working.setdefault(name, []).append(process)
    for name in sorted({*lost, *working}):
        for process in working.get(name, ()):
            try:
                process.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(working.get(name, ()), timeout=10)
        for folder in lost.get(name, ()):
            shutil.rmtree(folder, ignore_errors=True)
        yield name

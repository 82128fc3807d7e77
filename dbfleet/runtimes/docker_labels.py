"""Labels on all that Docker makes for a throw-away fleet: containers, volumes and networks are found by them, and
removed when nothing else knows of them.

A label names the fleet and the state directory that it belongs to: another state directory's are never touched.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dbfleet.errors import RuntimeFailure
from dbfleet.runtimes import compose
from dbfleet.spec import EngineSpec

DRILL: Final = "dbfleet.drill"
STATE: Final = "dbfleet.state"
_KINDS: Final = ("container", "volume", "network")
_TIMEOUT_S: Final = 60.0


def write(folder: Path, spec: EngineSpec, labels: Mapping[str, str]) -> None:
    """Have what is made from now on for the fleet whose Docker folder this is carry the labels."""
    text = compose.stack(spec).read_text("utf-8")
    volumes = re.findall(r"^  ([\w.-]+):", text.partition("\nvolumes:\n")[2].partition("\n\n")[0], re.MULTILINE)
    labelled = {"labels": dict(labels)}
    overlay = {
        "services": {spec.name: labelled},
        "volumes": dict.fromkeys(volumes, labelled),
        "networks": {"default": labelled},
    }
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / compose.OVERLAY).write_text(json.dumps(overlay, indent=1), "utf-8")


def drills(root: Path) -> list[str]:
    """The names of this state directory's drills that Docker has anything of; none where there is no Docker."""
    if shutil.which("docker") is None:
        return []
    state = f"label={STATE}={root.resolve()}"
    found: set[str] = set()
    for kind in _KINDS:
        every = ("--all",) if kind == "container" else ()
        listed = docker(kind, "ls", *every, "--filter", state, "--format", f'{{{{.Label "{DRILL}"}}}}')
        found.update(filter(None, listed.split()))
    return sorted(found)


def remove(root: Path, name: str) -> None:
    """Remove all that Docker has of this drill."""
    filters = ("--filter", f"label={STATE}={root.resolve()}", "--filter", f"label={DRILL}={name}", "--quiet")
    for kind in _KINDS:
        every = ("--all",) if kind == "container" else ()
        if found := docker(kind, "ls", *every, *filters).split():
            force = ("--force", "--volumes") if kind == "container" else ()
            docker(kind, "rm", *force, *found)


def docker(*arguments: str) -> str:
    """What this docker command prints. RuntimeFailure where it fails."""
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeFailure(f"docker {' '.join(arguments[:2])}: {error}") from error
    if done.returncode:
        raise RuntimeFailure(
            f"docker {' '.join(arguments[:2])} failed: {done.stderr.decode(errors='replace').strip()}",
            command=("docker", *arguments),
            exit_code=done.returncode,
        )
    return done.stdout.decode(errors="replace")

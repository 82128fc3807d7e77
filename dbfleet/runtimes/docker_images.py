"""The images that dbfleet has built: the older ones of an installation are removed, as each has hundreds of MB.

Rule: an image carries the mark of the installation that built it, and no other one's is touched. Docker refuses to
remove an image that a container has, whether that runs or not; such an image stays, and is tried again the next time.
"""

from __future__ import annotations

from typing import Final

from dbfleet.errors import RuntimeFailure
from dbfleet.runtimes.docker_labels import docker

SOURCE: Final = "dbfleet.source"
_NAMELESS: Final = "<none>:<none>"


def remove_older(source: str, keep: str) -> list[str]:
    """Remove the images with this mark but `keep`, and what their builds have left without a name; the names of those
    that had one."""
    removed = []
    listed = docker(
        "image", "ls", "--filter", f"label={SOURCE}={source}", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"
    )
    for identity, name in (line.split(" ", 1) for line in listed.splitlines()):
        if name == keep:
            continue
        try:
            if name == _NAMELESS:  # without its parents: they are what the next build need not do again
                docker("image", "rm", "--no-prune", identity)
            else:
                docker("image", "rm", name)
        except RuntimeFailure:
            continue
        if name != _NAMELESS:
            removed.append(name)
    return removed

"""`python -m dbfleet.console._vendor`: fetch the pages' libraries from npm again, with their licences.

What a browser loads comes from here and from nowhere else: no network of others, no build step. A library's folder has
its version in its name, so it may be kept by browsers for ever. Run it after a version below was changed; the folders
of other versions are removed.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "static" / "vendor"
LIBRARIES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "htmx.org": ("4.0.1", ("dist/htmx.min.js",)),
    "@picocss/pico": ("2.1.1", ("css/pico.min.css",)),
    "uplot": ("1.6.32", ("dist/uPlot.iife.min.js", "dist/uPlot.min.css")),
    "codemirror": (
        "5.65.21",
        (
            "lib/codemirror.js",
            "lib/codemirror.css",
            "mode/sql/sql.js",
            "mode/javascript/javascript.js",
            "mode/cypher/cypher.js",
            "addon/edit/matchbrackets.js",
            "addon/edit/closebrackets.js",
            "addon/display/placeholder.js",
        ),
    ),
}
"""A package, its version, and the files of it that a page loads."""


def folder(package: str, version: str) -> Path:
    """Where a package's files are kept: without npm's scope, flat."""
    return FOLDER / f"{package.rpartition('/')[2]}-{version}"


def main() -> None:
    """Fetch all of them."""
    with tempfile.TemporaryDirectory() as made:
        wanted = [f"{package}@{version}" for package, (version, _) in LIBRARIES.items()]
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", made, *wanted]
        subprocess.run(command, check=True)
        shutil.rmtree(FOLDER, ignore_errors=True)
        for package, (version, files) in LIBRARIES.items():
            source, kept = Path(made) / "node_modules" / package, folder(package, version)
            kept.mkdir(parents=True)
            licence = next(path for path in source.iterdir() if path.stem.upper() in ("LICENSE", "LICENCE"))
            shutil.copyfile(licence, kept / "LICENSE")
            for file in files:
                shutil.copyfile(source / file, kept / Path(file).name)


if __name__ == "__main__":
    main()

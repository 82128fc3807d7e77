"""The console's image: of which dbfleet it is made, and the folder that Docker builds it from.

Rule: the image holds exactly the dbfleet that runs here, installed or a checkout: its wheel is written from the
imported package. So its tag is a mark of the content, and an image is built again only where dbfleet or its base has
changed."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import dbfleet
from dbfleet import __version__
from dbfleet.errors import RuntimeFailure
from dbfleet.runtimes import compose, ports

NAME: Final = "dbfleet-console"
BASE: Final = "DBFLEET_CONSOLE_BASE"
"""The variable that names the base image."""

_PACKAGE: Final = Path(dbfleet.__file__).resolve().parent
_DOCKERFILE: Final = Path("stacks/services/Dockerfile")
_CERTIFICATES: Final = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_PIP: Final = {
    "PIP_INDEX_URL": "index-url",
    "PIP_EXTRA_INDEX_URL": "extra-index-url",
    "PIP_TRUSTED_HOST": "trusted-host",
    "PIP_PROXY": "proxy",
    "PIP_TIMEOUT": "timeout",
}
_WHEEL: Final = b"Wheel-Version: 1.0\nGenerator: dbfleet\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def image(environ: Mapping[str, str]) -> str:
    """The name and tag of the image for this dbfleet and this base."""
    mark = zlib.crc32(environ.get(BASE, "").encode())
    for name, content in (*_files(), ("METADATA", _metadata()), ("Dockerfile", _dockerfile())):
        mark = zlib.crc32(content, zlib.crc32(name.encode(), mark))
    return f"{NAME}:{__version__}-{mark:08x}"


def source() -> str:
    """The mark of this installation of dbfleet on the images that it builds."""
    return ports.short_hash(os.fsencode(_PACKAGE))


def context(folder: Path, environ: Mapping[str, str]) -> Path:
    """Fill `folder` with what the image is built from, anew; the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    _write_wheel(folder / f"dbfleet-{__version__}-py3-none-any.whl")
    (folder / _DOCKERFILE).parent.mkdir(parents=True)
    (folder / _DOCKERFILE).write_bytes(_dockerfile())
    (folder / "requirements.txt").write_text("\n".join([*_requirements(_metadata().decode()), ""]), "utf-8")
    for variable in _CERTIFICATES:
        file = Path(environ.get(variable) or "/nowhere")
        if file.is_file():
            shutil.copyfile(file, folder / "ca.pem")
            break
    settings = [f"{key} = {environ[variable]}" for variable, key in _PIP.items() if environ.get(variable)]
    if settings:
        (folder / "pip.conf").write_text("\n".join(["[global]", *settings, ""]), "utf-8")
    return folder


def _files() -> Iterator[tuple[str, bytes]]:
    """The files of the wheel, with their names in there."""
    yield from _below(_PACKAGE, "dbfleet")
    if not (_PACKAGE / "stacks").is_dir():  # a checkout: beside the package
        yield from _below(compose.stacks(), "dbfleet/stacks")


def _below(folder: Path, name: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{name}/{path.relative_to(folder).as_posix()}", path.read_bytes()


def _dockerfile() -> bytes:
    return (compose.stacks() / "services" / "Dockerfile").read_bytes()


def _write_wheel(file: Path) -> None:
    info = f"dbfleet-{__version__}.dist-info"
    rest = {
        f"{info}/METADATA": _metadata(),
        f"{info}/WHEEL": _WHEEL,
        f"{info}/entry_points.txt": b"[console_scripts]\ndbfleet = dbfleet.__main__:main\n",
    }
    names = []

    def entry(name: str) -> zipfile.ZipInfo:
        found = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
        found.compress_type = zipfile.ZIP_DEFLATED
        return found

    with zipfile.ZipFile(file, "w", compresslevel=1) as wheel:
        for name, content in (*_files(), *rest.items()):
            wheel.writestr(entry(name), content)
            names.append(name)
        # Without hashes: hashlib would load the system's OpenSSL (see values.digest_rows).
        record = "".join(f"{name},,\n" for name in (*names, f"{info}/RECORD"))
        wheel.writestr(entry(f"{info}/RECORD"), record)


def _metadata() -> bytes:
    """What pip must know: of a checkout from its pyproject.toml, which is newer than an editable installation's
    record."""
    project = _PACKAGE.parent / "pyproject.toml"
    if project.is_file():
        return _of_project(tomllib.loads(project.read_text("utf-8"))["project"]).encode()
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        found = distribution("dbfleet").read_text("METADATA")
    except PackageNotFoundError:
        found = None
    if not found:
        raise RuntimeFailure(
            "the console's image cannot be built: this dbfleet was not installed by pip",
            hint="install it with pip, or name an image: image under [services.web] in dbfleet.toml",
        )
    return found.encode()


def _requirements(metadata: str) -> Iterator[str]:
    """What dbfleet needs with its console, in pip's words."""
    for line in metadata.splitlines():
        if line.startswith("Requires-Dist: "):
            package, _, marker = line.removeprefix("Requires-Dist: ").partition(";")
            if not marker or re.fullmatch(r"\s*extra == ['\"]console['\"]\s*", marker):
                yield package.strip()
            elif "extra" not in marker:
                yield f"{package.strip()}; {marker.strip()}"


def _of_project(project: Mapping[str, Any]) -> str:
    lines = ["Metadata-Version: 2.1", "Name: dbfleet", f"Version: {__version__}"]
    lines += [f"Requires-Python: {project['requires-python']}"]
    lines += [f"Requires-Dist: {each}" for each in project["dependencies"]]
    for extra, packages in project["optional-dependencies"].items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {each}; extra == '{extra}'" for each in packages]
    return "\n".join([*lines, ""])

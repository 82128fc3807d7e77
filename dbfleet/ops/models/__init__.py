"""`dbfleet models`: an app for Django a target, written from its schemas; for engines that Django has no backend for,
classes that read (dbfleet.django.records).

The same schemas give the same text. Nothing is overwritten that the caller did not agree to (`Plan.overwrites`). The
folder becomes a package, so that an app called mysql does not stand in the way of a driver of that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dbfleet.abilities import CarriesExtras, able
from dbfleet.adapter import Adapter
from dbfleet.errors import StatementError, Unsupported, UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _named
from dbfleet.ops._dump_files import failing_by_name
from dbfleet.ops.models import _records, _sqlite, _text
from dbfleet.ops.models._app import Source, Told, app
from dbfleet.ops.models._fields import ORACLE, POSTGRES, SQLITE, SQLSERVER
from dbfleet.ops.models._names import app_label
from dbfleet.target import Target

MODELS: Final = "models.py"


@dataclass(frozen=True, slots=True)
class App:
    """A target's app: its files by name, how many classes they have, and what was left out."""

    target: str
    label: str
    files: Mapping[str, str]
    classes: int
    told: tuple[Told, ...]


def models(fleet: Fleet, located: Sequence[tuple[Target, str | None]]) -> list[App]:
    """An app for each target, of all its collections, or of those that are named. Unsupported where a collection that
    was named cannot be a model; UsageError where two targets would have one label."""
    chosen: dict[str, tuple[Target, list[str]]] = {}
    for target, collection in located:
        names = chosen.setdefault(target.name, (target, []))[1]
        names += [collection] if collection else []
    whole = {target.name for target, collection in located if collection is None}
    apps: dict[str, App] = {}
    for target, names in chosen.values():
        made = _app(fleet, target, [] if target.name in whole else list(dict.fromkeys(names)))
        if made.label in apps:
            raise UsageError(f"{made.target} and {apps[made.label].target} would both be the app {made.label}")
        apps[made.label] = made
    return list(apps.values())


def _app(fleet: Fleet, target: Target, names: Sequence[str]) -> App:
    spec = fleet.spec(target)
    name = target.name if target.name in fleet.names else spec.name
    with fleet.connect(target) as adapter:
        sources, told = _sources(adapter, target, spec.django, names)
    label = app_label(name)
    if spec.django is None:
        text, classes, left = _records.text(name, spec.title, sources)
        config = _text.config_text(name, label, name, "")
    else:
        made, left = app(sources, spec.django)
        text, classes = _text.models_text(name, spec.title, made, [*told, *left]), len(made)
        config = _text.config_text(name, label, name, spec.django)
    told = [*told, *left]
    for each in told:
        if names and each.what in names:
            raise Unsupported(f"{each.what} cannot be a model: {each.why}", engine=spec.name, target=target.name)
    init = f'"""The collections of {_text.plain(name)}, for Django."""\n'
    return App(name, label, {"__init__.py": init, "apps.py": config, MODELS: text}, classes, tuple(told))


def _sources(
    adapter: Adapter, target: Target, backend: str | None, names: Sequence[str]
) -> tuple[list[Source], list[Told]]:
    sources, told = [], []
    carrying = able(adapter, CarriesExtras) if backend else None
    for name in names or sorted(adapter.collections()):
        try:
            schema = _named.schema_of(adapter, target, name)
            extras = carrying.extras(name).has if carrying else ()
            forms = _sqlite.forms(adapter, schema) if backend == SQLITE else {}
            sources.append(Source(schema, extras, _space(adapter, target, backend, name), forms))
        except (StatementError, Unsupported) as error:
            if names:
                raise
            told.append(Told(name, name, error.message))
    return sources, told


def _space(adapter: Adapter, target: Target, backend: str | None, name: str) -> str | None:
    """The schema that the collection is in, where its name says one and the server agrees."""
    if backend == ORACLE:
        return target.options.get("schema")
    space, dot, table = name.partition(".")
    marks = {POSTGRES: ('"', '"'), SQLSERVER: ("[", "]")}
    if not dot or backend not in marks:
        return None
    start, end = marks[backend]
    place = ".".join(start + each.replace(end, end + end) + end for each in (space, table))
    try:
        with adapter.query(f"SELECT 1 FROM {place} WHERE 1 = 0") as result:
            for _ in result:
                pass
    except StatementError:
        return None
    return space


# --- files ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """Which files are written: `writes` by path, of which those in `overwrites` exist and differ."""

    writes: Mapping[Path, str]
    overwrites: tuple[Path, ...]

    def carry_out(self) -> None:
        """Write the files."""
        for path, text in self.writes.items():
            with failing_by_name(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")


def planned(apps: Sequence[App], folder: Path) -> Plan:
    """What writing the apps into the folder means. UsageError for a folder that cannot become a package."""
    name = folder.resolve().name
    if (folder / "manage.py").exists() or not name.isidentifier():
        raise UsageError(
            f"{folder} cannot be the package of the apps",
            hint="name a folder of its own, by a word that Python can import: --output fleet",
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; the apps need a folder")
    with failing_by_name(folder):
        writes = dict(_writes(apps, folder))
        return Plan(writes, tuple(path for path in writes if path.exists()))


def _writes(apps: Sequence[App], folder: Path) -> Iterator[tuple[Path, str]]:
    if not (folder / "__init__.py").exists():
        yield folder / "__init__.py", '"""Apps of a fleet\'s targets, for Django."""\n'
    for each in apps:
        for file, text in each.files.items():
            path = folder / each.label / file
            if not path.exists() or path.read_text("utf-8") != text:
                yield path, text

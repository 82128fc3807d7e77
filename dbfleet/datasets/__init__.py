"""Datasets: what `seed` writes. Values are a pure function of (seed, entity, row number), in any order, on any machine.

A dataset is the built-in `shop`, one of the TOML files beside this file, or a TOML file of the user (from_toml.py
describes the format). Nothing is read before `load`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from dbfleet.datasets.entity import MOST_ROWS, Dataset, Entity
from dbfleet.errors import UsageError, did_you_mean

__all__ = ["MOST_ROWS", "Dataset", "Entity", "load", "names"]


@cache
def names() -> tuple[str, ...]:
    """The names of the datasets that come with dbfleet; `shop`, the default, is the first."""
    shipped = (file.name for file in files(__name__).iterdir())
    return ("shop", *sorted(name.removesuffix(".toml") for name in shipped if name.endswith(".toml")))


def load(name_or_path: str) -> Dataset:
    """The dataset of this name, or of the TOML file at this path. ConfigError for a wrong file; UsageError, with the
    nearest name, where there is neither."""
    if name_or_path == "shop":
        from dbfleet.datasets.shop import DATASET

        return DATASET
    from dbfleet.datasets import from_toml

    if name_or_path in names():
        text = files(__name__).joinpath(f"{name_or_path}.toml").read_text(encoding="utf-8")
        return from_toml.parse(text, file=f"{name_or_path}.toml", source="built in")
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.is_file():
        return from_toml.read(path)
    hint = did_you_mean(name_or_path, names(), f"there are {', '.join(names())}, or the path of a .toml file")
    raise UsageError(f"no dataset is called {name_or_path!r}", hint=hint)

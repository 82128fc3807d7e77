"""The app of a target, and the router that sends its models to the target's database.

A model of such an app lives in one database: reads and writes go there, unless `using` says otherwise, and nothing is
ever migrated in it, neither these models nor those of other apps. `default` is left to the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, connections


class TargetConfig(AppConfig):
    """The app of a target: `database` is the target's alias in DATABASES, `engine` the backend that it was written
    for."""

    database: str = ""
    engine: str = ""
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks of this app."""
        checks.register(partial(self._check), checks.Tags.models)  # a method itself takes no tags

    def _check(self, app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
        if app_configs is not None and self not in app_configs:
            return []
        found: list[checks.CheckMessage] = []
        hint = f"`dbfleet env --format django {self.database}` prints the settings."
        if self.engine and not settings.USE_TZ:
            found.append(checks.Error("instants need USE_TZ = True.", hint=hint, obj=self, id="dbfleet.E001"))
        if self.engine and self.database not in connections.settings:
            text = f"DATABASES has no {self.database!r}, where the models of {self.label} live."
            found.append(checks.Error(text, hint=hint, obj=self, id="dbfleet.E002"))
        elif self.engine and (given := connections.settings[self.database]["ENGINE"]) not in _same(self.engine):
            text = f"the models of {self.label} are for the backend {self.engine}, and {self.database} has {given}."
            found.append(checks.Error(text, hint=hint, obj=self, id="dbfleet.E003"))
        return found


_MYSQL = frozenset({"django.db.backends.mysql", "mysql.connector.django", "dbfleet.django.mysql"})


def _same(engine: str) -> frozenset[str]:
    """The backends that do as well as this one."""
    return _MYSQL if engine in _MYSQL else frozenset({engine})


def _database(label: str) -> str | None:
    """The alias of the target whose app has this label; None for every other app."""
    try:
        config = apps.get_app_config(label)
    except LookupError:
        return None
    return config.database or None if isinstance(config, TargetConfig) else None


class Router:
    """Sends the models of a target's app to its database, by the app's label."""

    def db_for_read(self, model: type, **hints: Any) -> str | None:
        """The database of the model's app."""
        return _database(model._meta.app_label)  # type: ignore[attr-defined]

    db_for_write = db_for_read

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool | None:
        """Whether the two may refer to each other: within one database."""
        places = {_database(each._meta.app_label) for each in (one, other)}
        return None if places == {None} else len(places) == 1

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Never in a target's database, except where it is `default` too; and nothing of a target's app."""
        if _database(app_label):
            return False
        targets = {each.database for each in apps.get_app_configs() if isinstance(each, TargetConfig)}
        return False if db in targets and db != DEFAULT_DB_ALIAS else None

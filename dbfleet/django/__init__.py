"""For Django projects of others that talk to a fleet: what the settings and the classes name that
`dbfleet env --format django` and `dbfleet models --format django` write. Needs the extra `django`.

    Router          sends the models of a target's app to its database
    TargetConfig    the app of a target
    fields          what an engine keeps in a form of its own, that Django's fields do not read or write
    records         read-only classes for engines that Django has no backend for
    sqlite mysql oracle sqlserver mongodb
                    database backends: Django's and the vendors' own, with what they get wrong put right
"""

from __future__ import annotations

from dbfleet.django.apps import Router, TargetConfig

__all__ = ["Router", "TargetConfig"]

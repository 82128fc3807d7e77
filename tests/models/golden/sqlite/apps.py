"""The app of sqlite."""

from dbfleet.django import TargetConfig


class Config(TargetConfig):
    """Its models live in the database sqlite."""

    default = True
    name = __package__
    label = "sqlite"
    database = "sqlite"
    engine = "dbfleet.django.sqlite"

"""The app of oracle."""

from dbfleet.django import TargetConfig


class Config(TargetConfig):
    """Its models live in the database oracle."""

    default = True
    name = __package__
    label = "oracle"
    database = "oracle"
    engine = "dbfleet.django.oracle"

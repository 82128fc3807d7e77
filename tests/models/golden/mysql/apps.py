"""The app of mysql."""

from dbfleet.django import TargetConfig


class Config(TargetConfig):
    """Its models live in the database mysql."""

    default = True
    name = __package__
    label = "mysql"
    database = "mysql"
    engine = "dbfleet.django.mysql"

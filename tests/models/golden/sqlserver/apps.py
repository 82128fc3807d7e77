"""The app of sqlserver."""

from dbfleet.django import TargetConfig


class Config(TargetConfig):
    """Its models live in the database sqlserver."""

    default = True
    name = __package__
    label = "sqlserver"
    database = "sqlserver"
    engine = "dbfleet.django.sqlserver"

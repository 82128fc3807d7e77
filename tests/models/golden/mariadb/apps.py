"""The app of mariadb."""

from dbfleet.django import TargetConfig


class Config(TargetConfig):
    """Its models live in the database mariadb."""

    default = True
    name = __package__
    label = "mariadb"
    database = "mariadb"
    engine = "dbfleet.django.mysql"

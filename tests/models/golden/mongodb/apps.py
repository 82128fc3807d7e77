"""The app of mongodb."""

from dbfleet.django import TargetConfig


class Config(TargetConfig):
    """Its models live in the database mongodb."""

    default = True
    name = __package__
    label = "mongodb"
    database = "mongodb"
    engine = "dbfleet.django.mongodb"

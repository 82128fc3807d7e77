"""The app of redis."""

from dbfleet.django import TargetConfig


class Config(TargetConfig):
    """Its models live in the database redis."""

    default = True
    name = __package__
    label = "redis"
    database = "redis"
    engine = ""

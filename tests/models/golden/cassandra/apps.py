"""The app of cassandra."""

from dbfleet.django import TargetConfig


class Config(TargetConfig):
    """Its models live in the database cassandra."""

    default = True
    name = __package__
    label = "cassandra"
    database = "cassandra"
    engine = ""

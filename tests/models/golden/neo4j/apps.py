"""The app of neo4j."""

from dbfleet.django import TargetConfig


class Config(TargetConfig):
    """Its models live in the database neo4j."""

    default = True
    name = __package__
    label = "neo4j"
    database = "neo4j"
    engine = ""

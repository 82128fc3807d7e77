"""The app of couchdb."""

from dbfleet.django import TargetConfig


class Config(TargetConfig):
    """Its models live in the database couchdb."""

    default = True
    name = __package__
    label = "couchdb"
    database = "couchdb"
    engine = ""

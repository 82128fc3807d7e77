"""The app of postgres."""

from dbfleet.django import TargetConfig


class Config(TargetConfig):
    """Its models live in the database postgres."""

    default = True
    name = __package__
    label = "postgres"
    database = "postgres"
    engine = "django.db.backends.postgresql"

# Settings for Django 5.2, by: dbfleet env --format django shop orders maria ora ms file mongo kv couch graph wide
# Passwords come from the environment. In the shell that starts Django: eval "$(dbfleet env)"
# Packages: dbfleet[django], mssql-django.
import os
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def _url(variable):
    """The URL that `dbfleet env` exports under this name, in its parts."""
    if variable not in os.environ:
        raise ImproperlyConfigured(f'{variable} is not set: run eval "$(dbfleet env)" before Django')
    return urlsplit(os.environ[variable])


def _password(variable):
    return unquote(_url(variable).password or "")


def _option(variable, name):
    return parse_qs(_url(variable).query)[name][0]


# What dbfleet calls an instant is an aware datetime.
USE_TZ = True

DATABASES = {
    # PostgreSQL.
    "shop": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "db.example",
        "PORT": 5433,
        "NAME": "shop",
        "USER": "me",
        "PASSWORD": _password("DBFLEET_SHOP_URL"),
        "OPTIONS": {
            "sslmode": "require",
            "sslpassword": _option("DBFLEET_SHOP_URL", "sslpassword"),
            "options": "-c search_path=app",
        },
    },
    # MySQL: by mysql-connector-python, which dbfleet brings along; where mysqlclient is installed,
    # django.db.backends.mysql does as well.
    "orders": {
        "ENGINE": "dbfleet.django.mysql",
        "HOST": "db.example",
        "PORT": 3306,
        "NAME": "shop",
        "USER": "me",
        "PASSWORD": _password("DBFLEET_ORDERS_URL"),
        "OPTIONS": {
            "init_command": "SET time_zone = '+00:00'",
            "ssl_verify_cert": True,
            "ssl_verify_identity": True,
            "ssl_ca": "/ca.pem",
        },
    },
    # MariaDB: by mysql-connector-python, which dbfleet brings along; where mysqlclient is installed,
    # django.db.backends.mysql does as well.
    "maria": {
        "ENGINE": "dbfleet.django.mysql",
        "HOST": "db.example",
        "PORT": 3306,
        "NAME": "shop",
        "USER": "me",
        "OPTIONS": {
            "init_command": "SET time_zone = '+00:00'",
        },
    },
    # Oracle Database: Django's own backend, but with names in their own case.
    "ora": {
        "ENGINE": "dbfleet.django.oracle",
        "NAME": "db.example:1521/FREEPDB1",
        "USER": "me",
        "PASSWORD": _password("DBFLEET_ORA_URL"),
    },
    # SQL Server: mssql-django, by mssql-python, which brings its own driver.
    "ms": {
        "ENGINE": "dbfleet.django.sqlserver",
        "HOST": "db.example",
        "PORT": 1433,
        "NAME": "shop",
        "USER": "me",
        "PASSWORD": _password("DBFLEET_MS_URL"),
        "OPTIONS": {
            "python_driver": "mssql_python",
            "extra_params": "TrustServerCertificate=yes",
        },
    },
    # SQLite: Django's own backend, with decimals that are compared and summed up exactly.
    "file": {
        "ENGINE": "dbfleet.django.sqlite",
        "NAME": "/srv/shop.db",
    },
    # MongoDB: django-mongodb-backend, with compound keys.
    "mongo": {
        "ENGINE": "dbfleet.django.mongodb",
        "HOST": "mongodb://one.example:27017,two.example:27018",
        "NAME": "shop",
        "USER": "me",
        "PASSWORD": _password("DBFLEET_MONGO_URL"),
        "OPTIONS": {
            "replicaSet": "rs",
            "authSource": "admin",
        },
    },
}

DATABASES["default"] = {**DATABASES["shop"], "TEST": {"MIRROR": "shop"}}

DATABASE_ROUTERS = ["dbfleet.django.Router"]

# A cache has the database behind the target's own: cache.clear() empties its database.
CACHES = {
    "kv": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "rediss://db.example:6379/4",
        "OPTIONS": {
            "username": "me",
            "password": _password("DBFLEET_KV_URL"),
        },
    },
}

CACHES["default"] = CACHES["kv"]

# kv: Django has no database backend for Redis, which is a cache here. Its rows are read by the classes that `dbfleet
# models --format django kv` writes.
# couch: Django has no database backend for CouchDB. Its rows are read by the classes that `dbfleet models --format
# django couch` writes.
# graph: Django has no database backend for Neo4j. Its rows are read by the classes that `dbfleet models --format django
# graph` writes.
# wide: Django has no database backend for Cassandra. Its rows are read by the classes that `dbfleet models --format
# django wide` writes.
DBFLEET = {
    "kv": "DBFLEET_KV_URL",
    "couch": "DBFLEET_COUCH_URL",
    "graph": "DBFLEET_GRAPH_URL",
    "wide": "DBFLEET_WIDE_URL",
}

"""The connection: MongoDB's own backend, with our compilers."""

from __future__ import annotations

from django_mongodb_backend import base, operations


class DatabaseOperations(operations.DatabaseOperations):
    """The backend's own, with our compilers."""

    compiler_module = "dbfleet.django.mongodb.compiler"


class DatabaseWrapper(base.DatabaseWrapper):
    """The backend's own connection, with compound keys."""

    ops_class = DatabaseOperations

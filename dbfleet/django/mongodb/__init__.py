"""MongoDB's own backend for Django (django-mongodb-backend), with compound keys and with what NULL is to dbfleet.

A compound key is a sub-document `_id`, whose parts are the fields `_id.a` and `_id.b` of a model with a
CompositePrimaryKey. The backend alone reads such parts as None and stores them beside `_id`. A document has no field
where a row has NULL; in a json column, a field that is null is the JSON null.
"""

from __future__ import annotations

from dbfleet.django.mongodb.tuples import register_tuples

register_tuples()

"""Carrying databases to another CouchDB as they are (the ability Native): documents with all their leaf revisions."""

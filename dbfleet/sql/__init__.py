"""What engines that speak SQL share, for those outside this package too: everything in which they differ is data.

- `text`: statements taken apart (a `Lexis` says how an engine spells), what is a parameter.
- `relational`: tables by SQLAlchemy Core: DDL of a schema, and a schema read back (a `Relational` says which types).
- `ddl`: CREATE TABLE without SQLAlchemy.
- `conditions`: a Condition as a WHERE clause.
- `ranges`: parts of a table as ranges of its key.
- `changes`: changes of rows as INSERT, UPDATE and DELETE (a `Spelling` says how).
- `files`: which database a file is.
- `defaults`: defaults as servers spell them, read as values.
"""

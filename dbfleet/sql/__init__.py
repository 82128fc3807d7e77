"""What engines that speak SQL share, for those outside this package too: everything in which they differ is data.

- `text`: statements taken apart (a `Lexis` says how an engine spells), what is a parameter.
- `relational`: tables by SQLAlchemy Core: DDL of a schema, and a schema read back (a `Relational` says which types).
- `conditions`: a Condition as a WHERE clause.
- `changes`: changes of rows as INSERT, UPDATE and DELETE (a `Spelling` says how).
- `defaults`: defaults as servers spell them, read as values.
"""

"""What engines that speak SQL share. Everything in which they differ is data. Outside engines may use it too.

- `text`: splits a text into statements and finds their parameters (a `Lexis` says how the engine spells).
- `relational`: tables by SQLAlchemy Core: DDL of a schema, and a schema read back (a `Relational` says which types).
- `ddl`: CREATE TABLE without SQLAlchemy.
- `conditions`: a Condition as a WHERE clause.
- `ranges`: parts of a table as ranges of its key.
- `changes`: changes of rows as INSERT, UPDATE and DELETE (a `Spelling` says how).
- `files`: identifies the database in a file.
- `defaults`: reads the defaults of columns, as servers spell them, as values.
"""

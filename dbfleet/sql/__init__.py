"""What engines that speak SQL share. Everything in which they differ is data. Outside engines may use it too.

- `text`: splits a text into statements and finds their parameters (a `Lexis` says how the engine spells).
- `relational`: tables by SQLAlchemy Core: DDL of a schema, and a schema read back (a `Relational` says which types).
- `catalog`: a schema and its extras, put together from what the engine's catalogue tells.
- `ddl`: CREATE TABLE, comments, indexes and defaults without SQLAlchemy.
- `dbapi`: the contract's methods over a DB-API 2.0 driver. Outside engines begin here.
- `dialect`: how such an engine and its driver differ, as data.
- `conditions`: a Condition as a WHERE clause.
- `ranges`: parts of a table as ranges of its key.
- `changes`: changes of rows as INSERT, UPDATE and DELETE (a `Spelling` says how).
- `files`: where the database of a file is, and which one it is.
- `defaults`: reads the defaults of columns, as servers spell them, as values.
"""

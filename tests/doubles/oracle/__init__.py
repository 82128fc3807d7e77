"""A wire double of Oracle Database: a process that the unmodified python-oracledb (thin) logs in to.

    python -m tests.doubles.oracle --port 0 --user dbfleet --password-file FILE

It prints its port, and calls itself a double wherever it is asked what it is. It proves the adapter's use of the
driver: binds, types, counts, array inserts, row errors, cursors, transactions, breaks. It proves nothing about
Oracle's SQL, dictionary views, locking or optimizer: those are read in tests/engines/golden/oracle_statements.sql and
oracle_native.sql.

It knows a closed list of statement shapes (sql.py) and of dictionary queries (dictionary.py), runs them on SQLite with
Oracle's types and errors (engine.py), and refuses everything else by name with ORA-03001. It never guesses, and never
passes text through.
"""

"""SQLite to SQLite: what the tables are made of, word for word as their statements say it, and their values in the
storage classes that they have, whatever their columns are declared to hold.
"""

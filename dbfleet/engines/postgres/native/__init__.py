"""PostgreSQL to PostgreSQL: what the tables are made of, as the server spells it, and their values as the server's
text. In the outline all names are spelled with their schema, so the search path says nothing.
"""

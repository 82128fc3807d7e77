"""SQL Server to SQL Server: what the tables are made of, by the catalog views, and their values as the server's own
texts and bytes. DDL is part of a transaction here: what is made together is there, or is not.

It follows Microsoft's documentation, and is held by golden files and the wire double: no real server has run it.
"""

"""Django's backend for SQLite, for files in which decimals are text, as dbfleet keeps them.

SQLite would compare the digits as text, '9' after '10', and sum them up as floats. So a connection has a collation that
compares decimals by value, which `fields.DecimalField` names wherever it stands in a statement, and a SUM that is exact
where it meets text.
"""

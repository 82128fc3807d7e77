"""To another Cassandra as it is: values as the bytes that the server keeps, tables by its own words. Each module is a
room of its own (CONTRIBUTING.md)."""

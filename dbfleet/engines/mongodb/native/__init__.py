"""To another MongoDB as it is: documents as their BSON, which nobody decodes, and collections by the server's own
options. Each module is a room of its own (CONTRIBUTING.md)."""

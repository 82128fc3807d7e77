"""The JSON API: a module for each part, with `router` and `PREFIX`. It does what pages do, by the same rights."""

"""Fast paths: each gives the result of a plain one."""

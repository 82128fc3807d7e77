"""One file an engine: docstring (driver, links, oddities), adapter, connect, error translation, ENGINE.

Files with a leading underscore are shared by engines and are none.
"""

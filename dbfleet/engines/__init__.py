"""A package or a file an engine; the rooms of a package have the same names in each (see CONTRIBUTING.md).

Those with a leading underscore are shared by engines and are none.
"""

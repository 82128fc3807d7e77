"""The pages: a module each, and the templates with the same names."""

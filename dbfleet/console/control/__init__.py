"""Django's database backend of the control database: PostgreSQL's own (base.py, where Django looks for it)."""

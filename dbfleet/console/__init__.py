"""The console: the Django project in the middle of the fleet, its jobs, and the pages and API before them.

Importing this package imports nothing: Django and Celery are in the extra `console`, and are loaded by the modules that
need them.
"""

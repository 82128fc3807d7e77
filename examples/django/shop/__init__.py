"""The project: settings, a router, and commands that ask every engine."""

"""For Django projects of others that talk to a fleet: fields for what an engine keeps in a form of its own, and
read-only managers for engines that Django has no backend for. Needs the extra `django`."""

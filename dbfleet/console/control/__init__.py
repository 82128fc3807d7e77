"""The control database as Django's backend talks to it (base.py, where Django looks for it), and what is said where it
does not answer (away.py)."""

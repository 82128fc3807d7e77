"""The control database as Django's backend talks to it (base.py, where Django looks for it), how processes wait for
each other through it (wake.py) and have something to themselves (locks.py), and what is said where it does not answer
(away.py)."""

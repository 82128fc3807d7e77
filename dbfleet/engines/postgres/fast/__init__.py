"""Faster ways of what is plain elsewhere: each gives the plain way's result."""

"""Carrying keys to another Redis as they are (the ability Native): their bytes, types, values, groups and ends."""

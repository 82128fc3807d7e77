"""Django's backend for MySQL and MariaDB, by mysql-connector-python, which dbfleet has anyway.

Django's own backend needs mysqlclient, which a C compiler must build; where it is installed, it does as well. The
driver's own backend fails on every datetime that a field has not turned into text, with Django 5: that is put right.
"""

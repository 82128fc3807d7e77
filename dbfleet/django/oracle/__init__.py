"""Django's backend for Oracle, which takes names as they are and NULL for NULL.

Django writes every name in capitals. The tables that dbfleet makes keep the case of their names, and so do many that
others make. And Django reads NULL as empty text where a field is text; dbfleet, and this backend, read it as None.
"""

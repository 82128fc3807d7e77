"""mssql-django, which Microsoft maintains, with mssql-python alone.

It imports pyodbc in any case, which needs unixODBC on the machine, also for connections by mssql-python
(`"python_driver": "mssql_python"`), which brings its own driver. Where pyodbc cannot be loaded, mssql-python stands in
its place.
"""

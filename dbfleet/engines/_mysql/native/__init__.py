"""MySQL to MySQL, and MariaDB to MariaDB: what the tables are made of, as SHOW CREATE TABLE says it, and their values
as the server's text or bytes. DDL is no part of a transaction here: what is made together goes again by DROP.
"""

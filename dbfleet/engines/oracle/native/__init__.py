"""Oracle to Oracle: what tables are made of, composed from the dictionary, and their values as the server's own texts.

Composed, and not asked of DBMS_METADATA: its texts name the owner, the tablespace and the storage unless transformed,
differ between versions, and a name in them cannot be told from a word. What is composed can be read in the golden file.
Statements only, and the wire double: none of it is verified on an Oracle Database. DDL commits by itself: what is made
together goes again by DROP.
"""

#!/usr/bin/env python3
"""Makes the root user on the first start's temporary server: create-root-user.py NAME, the password on stdin.

Does what the official entry point asks mongosh to do. Waits for the server, 30 s at most.
"""

import sys

import pymongo

with pymongo.MongoClient("127.0.0.1", 27017, serverSelectionTimeoutMS=30_000) as client:
    client.admin.command("createUser", sys.argv[1], pwd=sys.stdin.read(), roles=[{"role": "root", "db": "admin"}])

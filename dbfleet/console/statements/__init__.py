"""Statements that somebody asks of a target through the console.

    asked     one statement: who asks what of whom, its limits, its beginning and its outcome on record
    watch     the thread that stops statements which nobody waits for any more
    line      the line to the client: is anybody there, and cutting it so that half an answer is not taken for a whole
    frames    the answer as the page draws it, at most so many rows
    kept      values that are too long for a cell, kept for a while
    saved     queries that people keep

It is the op `query` of the command line that asks, so an export has the bytes that `dbfleet query --format` writes.
"""

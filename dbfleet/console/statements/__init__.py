"""Statements that somebody asks of a target through the console.

    allowed   who may ask which target, and the question that a request makes
    asked     one statement: its limits, its beginning and its outcome on record
    watch     the thread that stops statements which nobody waits for any more
    line      the line to the client: is anybody there, and cutting it so that half an answer is not taken for a whole
    frames    the answer as the page draws it, at most so many rows
    exports   the answer as a file
    kept      values that are too long for a cell, kept for a while
    plan      the question for a statement's plan
    record    how a statement stands on record
    saved     queries that people keep, and what they have asked before

It is the op `query` of the command line that asks, so an export has the bytes that `dbfleet query --format` writes.
"""

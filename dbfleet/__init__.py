"""dbfleet: ten database engines behind one contract, one command line and one set of words.

The library is complete without the command line: `dbfleet.registry.connect(target)` returns an adapter, and
`dbfleet.ops` has one function for each verb. A driver is imported only when a connection is opened.
"""

__version__ = "0.1.0"

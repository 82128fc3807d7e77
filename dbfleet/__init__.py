"""dbfleet: ten database engines behind one contract, one command line and one set of words.

The library is complete without the command line: `dbfleet.registry.connect(target)` gives an adapter,
`dbfleet.ops` has one function a verb. Nothing here imports a driver before it connects.
"""

__version__ = "0.1.0"

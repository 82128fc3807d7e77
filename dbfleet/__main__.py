"""`python -m dbfleet` is `dbfleet`."""

import sys

from dbfleet.cli.exit import main

if __name__ == "__main__":
    sys.exit(main())

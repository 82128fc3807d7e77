"""The suite that ships, run here: `pytest tests/conformance --engine mysql`."""

from dbfleet.conformance.test_abilities import *  # noqa: F403
from dbfleet.conformance.test_changes import *  # noqa: F403
from dbfleet.conformance.test_extras import *  # noqa: F403
from dbfleet.conformance.test_fast_paths import *  # noqa: F403
from dbfleet.conformance.test_native import *  # noqa: F403
from dbfleet.conformance.test_query import *  # noqa: F403
from dbfleet.conformance.test_reader import *  # noqa: F403
from dbfleet.conformance.test_rows import *  # noqa: F403
from dbfleet.conformance.test_schema import *  # noqa: F403
from dbfleet.conformance.test_swap import *  # noqa: F403

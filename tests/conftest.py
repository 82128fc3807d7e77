"""The conformance suite's options and fixtures, for every test."""

pytest_plugins = ["dbfleet.conformance.plugin"]

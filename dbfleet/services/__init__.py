"""The services: what a fleet runs besides engines. Each is data, a ServiceSpec; runtimes start them like engines."""

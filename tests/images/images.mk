# Included by the Makefile. Both need a Docker engine; .ci/docker.sh installs and starts one on Debian.

.PHONY: images test-fleet

images:
	@tests/images/build.sh

test-fleet: .venv/.dev
	@tests/images/test-fleet.sh $(ARGS)

# Included by the Makefile. Both need a Docker engine; .ci/docker.sh installs and starts one on Debian.

.PHONY: images test-fleet proofs-fleet

images:
	@tests/images/build.sh

test-fleet: .venv/.dev
	@tests/images/test-fleet.sh $(ARGS)

# What `make proofs` does, on all engines at once.
proofs-fleet: .venv/.dev
	@DBFLEET_PROOFS=write tests/images/test-fleet.sh -k test_pairs $(ARGS)
	@$(MAKE) --no-print-directory proofs-drawn

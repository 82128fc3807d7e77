# Included by the Makefile.

.PHONY: images test-fleet

images: ## local images of the real servers, built once (needs a Docker engine: .ci/docker.sh)
	@tests/images/build.sh

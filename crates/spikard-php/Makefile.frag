SPIKARD_TARGET = $${CARGO_TARGET_DIR:-$(srcdir)/target}

$(phplibdir)/spikard.so: spikard-cargo

.PHONY: spikard-cargo
spikard-cargo:
	PHP_CONFIG=$(SPIKARD_PHP_CONFIG) $(CARGO) build --manifest-path $(srcdir)/Cargo.toml --profile $(SPIKARD_PROFILE) -p spikard-php
	mkdir -p $(phplibdir)
	cp $(SPIKARD_TARGET)/$(SPIKARD_PROFILE)/libspikard_php.so $(phplibdir)/spikard.so

# The four commands: demo, test, bench, lint. `make install` puts the program
# into PREFIX/bin; `make docs` regenerates what is generated; `make fuzz
# SECONDS_EACH=600` looks for inputs that break a promise.

CARGO  ?= cargo
HOST   := $(shell rustc -vV | sed -n 's/^host: //p')
PREFIX ?= /usr/local

# A static program starts about 0.15 ms sooner, and every async_wait starts
# it once. With --target the flag stays off procedural macros.
STATIC  = RUSTFLAGS='-C target-feature=+crt-static' $(CARGO) build --release --locked --target $(HOST)
PROGRAM = $(CURDIR)/target/$(HOST)/release/meanwhile

.PHONY: build demo test bench lint fuzz docs install

build:
	$(STATIC)

demo: build
	MEANWHILE='$(PROGRAM)' examples/ministack/demo.sh

test:
	tests/install-tools.sh
	# (Under nohup(1) a hangup is ignored, by the scripts under test as well.)
	env --default-signal=HUP,INT,QUIT,TERM $(CARGO) test --locked

bench: build
	tests/install-tools.sh --bench
	MEANWHILE='$(PROGRAM)' benches/overhead.sh

lint:
	tests/install-tools.sh
	tests/lint.sh

SECONDS_EACH ?= 10

fuzz:
	tests/install-tools.sh
	fuzz/run.sh '$(SECONDS_EACH)'

docs: build
	tests/generate-docs.sh '$(PROGRAM)'

install: build
	install -D -m 755 '$(PROGRAM)' '$(DESTDIR)$(PREFIX)/bin/meanwhile'

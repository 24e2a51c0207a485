# Gatepost. Two targets matter to a newcomer: `make demo` and `make test`. Nothing here installs a mail
# server or leaves a service running; what tests need besides Rust goes under target/.

SHELL := /bin/bash
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
PATH := $(PATH):$(HOME)/.cargo/bin
export PATH

.PHONY: help build console demo test browser openapi bench bench-console matrix deny fmt lint doc clean setup

help:
	@echo 'make demo    builds Gatepost and runs the story of its guide, for real, on loopback'
	@echo 'make test    brings in what tests need and runs every test'
	@echo 'make build   the binary alone: target/release/gatepost'
	@echo 'make console the console alone: ui/dist (Node.js 20.19 or newer)'
	@echo 'make browser the console clicked through in Chromium'
	@echo 'make openapi docs/openapi.json and the types that the console has of it'
	@echo 'make bench   the yardstick: Gatepost beside a tuned Postfix (root)'
	@echo 'make bench-console  the console over 100,000 messages and 1,000 rules, measured in Chromium'
	@echo 'make matrix  which rows of docs/conformance.md have a test, and which have none'
	@echo 'make lint    format, clippy and documentation, as CI checks them'
	@echo 'make deny    licences, sources and banned crates'
	@echo 'make fmt     formats the code'
	@echo 'make clean   removes target/'

# A C compiler builds SQLite and the cryptography; cargo is the one thing that is not installed for you.
setup:
	@command -v cargo >/dev/null || { echo '*** cargo is missing. Rust 1.95 or newer: https://rustup.rs' >&2; exit 1; }
	@tools/need.sh cc gcc libc6-dev

# Without Node.js the binary is built all the same, and says that its console is missing.
build: setup
	@tools/console.sh || [ $$? = 3 ]
	GATEPOST_CONSOLE="$$(find ui/dist -type f -exec sha256sum {} + 2>/dev/null | sort | sha256sum | cut -c1-16)" \
	  cargo build --release --locked -p gatepost

demo: build
	"$(TARGET)/release/gatepost" demo

console:
	@tools/console.sh

# The document of the API, and the console's types of it.
openapi: setup
	cargo test -p gatepost-web --lib --locked -- --ignored api::tests::kept::write_it
	@tools/console.sh deps && cd ui && npm run --silent types

# The console clicked through in Chromium, alone.
browser: setup
	@tools/need.sh chromium chromium
	@tools/console.sh
	cargo test -p gatepost --test browser --locked

# Peers with TLS of the past are a Python script with certificates of openssl; without either, their rows are
# skipped with a loud line (pydoc3 comes with the whole of Python, which has `ssl`).
# nextest runs no documentation tests, and the compile-fail guards are such: they run first, on their own.
# The console is built first: its tests in the browser skip, loudly, where Node.js or Chromium cannot be had.
test: setup
	@tools/setup-peers.sh
	@tools/setup-sign-on.sh
	@tools/setup-fuzz.sh
	-@tools/need.sh openssl openssl
	-@python3 -c 'import ssl' 2>/dev/null || tools/need.sh pydoc3 python3
	-@tools/need.sh chromium chromium
	@tools/console.sh || [ $$? = 3 ]
	@if [ -d ui/node_modules ]; then cd ui && npm run --silent test; fi
	cd bench && CARGO_TARGET_DIR="$(TARGET)/bench-tools" cargo check --locked
	cargo test --workspace --doc --locked
	@if cargo nextest --version >/dev/null 2>&1; then \
	  set -x; cargo nextest run --workspace --locked; \
	else \
	  set -x; cargo test --workspace --lib --bins --tests --locked --no-fail-fast; \
	fi

bench: setup
	@tools/need.sh python3 python3-minimal
	tools/bench.sh

# PROFILE=release measures what is shipped; without it, what the tests run.
bench-console: setup
	@tools/need.sh chromium chromium
	@tools/console.sh
	cargo test -p gatepost --test browser --locked --profile "$(or $(PROFILE),dev)" -- \
	  --ignored --exact the_console_over_a_long_past_is_measured --nocapture

matrix:
	@tools/need.sh python3 python3-minimal
	@python3 tools/matrix.py

fmt:
	cargo fmt --all

lint:
	.ci/run fmt
	.ci/run clippy
	.ci/run doc

doc:
	.ci/run doc

deny: setup
	@cargo deny --version >/dev/null 2>&1 || [ -x "$(TARGET)/tools/bin/cargo-deny" ] || cargo install --root "$(TARGET)/tools" --locked cargo-deny
	PATH="$(PATH):$(TARGET)/tools/bin" cargo deny --locked check licenses bans sources

clean:
	rm -rf "$(TARGET)" bench/target

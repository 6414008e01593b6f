# Tapir. `make help` lists what there is.
SHELL   := /bin/bash
GO      ?= go
TAGS    ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# DuckDB's binding exports every symbol of its own for extensions, which Tapir does not load: 6 MB of tables that the loader reads at each start
LDFLAGS := -s -w -extldflags=-Wl,--no-export-dynamic,--gc-sections -X github.com/tapir-project/tapir/cli.version=$(VERSION)
FUZZTIME ?= 5s

.PHONY: help setup build ui ui-dev ui-check ui-test screenshots run test check fmt vet staticcheck lint unit race fuzz generate testdata bench bench-mirror mirror-packets bench-sflow bench-sflow-agent bench-sys bench-sys-live clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: ## install what building needs (Debian packages; nothing if they are there)
	@./packaging/setup.sh build

setup-test: setup
	@./packaging/setup.sh test

build: setup ui ## build ./tapir, the viewer in it
	$(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o tapir ./cmd/tapir

ui: web/dist/index.html ## build the viewer into web/dist, if its sources changed

web/dist/index.html: $(shell find web/ui -type f -not -path '*/node_modules/*' -not -path '*/e2e/*' -not -name '*.test.ts' 2>/dev/null) | setup
	@$(MAKE) --no-print-directory web/ui/node_modules/.package-lock.json
	cd web/ui && npm run --silent build

web/ui/node_modules/.package-lock.json: web/ui/package-lock.json
	cd web/ui && npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.package-lock.json

ui-dev: setup web/ui/node_modules/.package-lock.json ## the viewer with hot reload, against the tapir at TAPIR (the URL that it prints)
	cd web/ui && npm run --silent dev

ui-check: setup web/ui/node_modules/.package-lock.json ## types and unit tests of the viewer
	cd web/ui && npm run --silent check && npm test --silent

ui-test: setup-test build ui-check ## the viewer end to end in Chromium: what it does, its safety, accessibility and budgets
	$(GO) build -o bench/out/sessions ./bench/sessions
	cd web/ui && npm run --silent e2e

screenshots: setup-test build ## pictures of every page and state into docs/images, those of the README, and docs/images/more
	cd web/ui && npm run --silent screenshots

run: build ## build and run: capture on all interfaces with the API where that is allowed, else import a bundled capture and serve it
	@./packaging/run.sh

test: setup-test check ui-test race ## everything: format, vet, staticcheck, rules of the house, the viewer, tests and fuzz seeds with the race detector

check: fmt vet staticcheck lint ## the checks that take seconds

fmt: ## all Go files are formatted
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not formatted: $$out"; exit 1; }

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) tool staticcheck ./...

lint: ## import rules, sizes, package docs, machine paths
	$(GO) test ./lint

unit: ## the tests, without the race detector
	$(GO) test ./...

race: ## the tests, with the race detector
	$(GO) test -race -timeout 20m ./...

fuzz: ## every fuzz target for FUZZTIME (default 5s)
	@./packaging/fuzz.sh $(FUZZTIME)

generate: ## what is generated from the sources: docs/fields.md, man pages
	$(GO) generate ./...

testdata: build ## record the bundled captures again from real servers (root; network namespaces)
	./testdata/record.sh

bench: setup-test build ## the benchmarks of docs/bench.md, each against its peer in the same run
	./bench/run.sh

bench-sflow-agent: setup-test build ## what the sFlow agent costs Apache, by pipe and by module (root; apache2, wrk)
	$(GO) run ./bench/sflowagent ./tapir

bench-sflow: build ## sFlow beside goflow2, gopacket and, where installed, sflowtool
	$(GO) run ./bench/sflow

bench-mirror: ## packets per second of mirroring beside tc mirred and daemonlogger (root)
	$(GO) run ./bench/mirror

mirror-packets: ## ten million numbered packets through the mirror in each of its ways, every one checked at the other end (root)
	$(GO) test ./mirror -run TestEveryPacket -v -timeout 30m -packets 10000000

bench-sys-live: build ## what capturing system calls live costs a loop of calls and wrk against nginx (root; nginx, wrk)
	$(GO) run ./bench/sys/live

bench-sys: build ## system calls beside Debian's sysdig on a generated file
	$(GO) run ./bench/sys

clean: ## remove what was built
	rm -rf tapir bench/out web/ui/node_modules web/dist/assets web/dist/index.html web/dist/icon.svg

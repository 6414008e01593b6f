# Tapir. `make help` lists what there is.
SHELL   := /bin/bash
GO      ?= go
TAGS    ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/tapir-project/tapir/cli.version=$(VERSION)
FUZZTIME ?= 5s

.PHONY: help setup build run test check fmt vet staticcheck lint unit race fuzz generate testdata bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## install what building needs (Debian packages; nothing if they are there)
	@./packaging/setup.sh build

setup-test: setup
	@./packaging/setup.sh test

build: setup ## build ./tapir
	$(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o tapir ./cmd/tapir

run: build ## build and run: capture on all interfaces with the API where that is allowed, else import a bundled capture and serve it
	@./packaging/run.sh

test: setup-test check race ## everything: format, vet, staticcheck, rules of the house, tests and fuzz seeds with the race detector

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

bench: build ## the benchmarks of docs/bench.md, each against its peer in the same run
	./bench/run.sh

clean: ## remove what was built
	rm -rf tapir bench/out

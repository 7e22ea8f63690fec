# make run     serve the embedded directory on 127.0.0.1 (1389, 1636, 8080)
# make test    install what the tests need (as root), then lint and test
# make conformance N=1000 SEED=7
#              let the real servers judge: N random policies on each, N
#              suggestions for each user of slapd; a seed repeats a run
# make lint    gofmt, go vet, staticcheck
# make bench   benchmarks, summed up by benchstat; BASE=FILE compares
# make bench-load
#              the program under load, against slapd; docs/benchmarks.md
# make build   bin/ldapsuggest
# make man     the manual pages, of the documentation

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
GO          ?= go
TOOL         = $(GO) tool -modfile=tools/go.mod

# More arguments for "serve", "go test" and the benchmarks.
ARGS        ?=
GOTESTFLAGS ?=
BENCH       ?= .
COUNT       ?= 6
PACKAGES    ?= ./...

N           ?= 1000
SEED        ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')

.PHONY: run build test packages lint bench bench-load conformance man

run: build
	@exec bin/ldapsuggest serve $(ARGS)

build:
	@$(GO) build -o bin/ldapsuggest ./cmd/ldapsuggest

# The servers that judge the tests come from the distribution; ppm, which no
# distribution ships, is built from its sources.
test: packages lint
	LDAPSUGGEST_PPM_BUILD=1 $(GO) test -timeout 30m $(GOTESTFLAGS) $(PACKAGES)

conformance: packages
	@echo "seed $(SEED)"
	LDAPSUGGEST_PPM_BUILD=1 LDAPSUGGEST_PROGRESS=1 LDAPSUGGEST_N=$(N) LDAPSUGGEST_SEED=$(SEED) \
	  $(GO) test -v -count=1 -p 1 -timeout 0 -run 'Conformance|Suggestions|Verdicts|PPM' $(GOTESTFLAGS) ./policy/dialect/... ./ldapserver/embedded

packages:
	@.ci/packages

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then printf 'gofmt -w is due for:\n%s\n' "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) staticcheck ./...

man:
	$(GO) test ./internal/mdoc -run TestManualPages -update

bench:
	@mkdir -p bin
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(PACKAGES) | tee bin/bench.txt
	$(TOOL) benchstat $(BASE) bin/bench.txt

bench-load:
	@mkdir -p bin
	$(GO) test -run '^$$' -bench . -benchtime 7x ./testenv/load | tee bin/bench-load.txt

# make run     serve the embedded directory on 127.0.0.1 (1389, 1636, 8080)
# make test    install what the tests need (as root), then lint and test
# make conformance N=1000 SEED=7
#              let the real servers judge: N random policies on each, N
#              suggestions for each user of slapd; a seed repeats a run
# make lint    gofmt, go vet, staticcheck
# make licenses
#              write THIRD_PARTY, of what is linked; a test compares
# make vuln    known vulnerabilities; needs vuln.go.dev, or GOVULNDB
# make bench   all benchmarks, half an hour: bench-code, whose results benchstat
#              sums up and BASE=FILE compares; bench-load, bench-peers and
#              bench-growth, which write the tables and curves of
#              docs/benchmarks.md. What they print is kept in bin. QUICK=1 does
#              little of each, and writes nothing
# make compose-test
#              docker-compose.yml for real: stop parts of it under load
# make build   bin/ldapsuggest
# make man     the manual pages, of the documentation
# make release archives for linux/amd64 and linux/arm64 in dist, and checksums;
#              VERSION=v1.2.3 says another version than git

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

# With QUICK, the documentation is left alone.
QUICK       ?=
BENCH_ENV    = LDAPSUGGEST_PPM_BUILD=1 $(if $(QUICK),LDAPSUGGEST_BENCH_QUICK=1,LDAPSUGGEST_BENCH_DOCS='$(CURDIR)/docs')
ROUNDS       = $(if $(QUICK),1,7)x

.PHONY: run build test packages lint licenses vuln bench bench-packages bench-code bench-load bench-peers bench-growth conformance man release compose-test

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
	LDAPSUGGEST_PPM_BUILD=1 LDAPSUGGEST_PROGRESS=$$([ ! -t 2 ] || echo 1) LDAPSUGGEST_N=$(N) LDAPSUGGEST_SEED=$(SEED) \
	  $(GO) test -v -count=1 -p 1 -timeout 0 -run 'Conformance|Suggestions|Verdicts|PPM' $(GOTESTFLAGS) ./policy/dialect/... ./ldapserver/embedded

# Says so by name where no container engine can be had.
compose-test:
	@GO="$(GO)" testenv/compose/run $(GOTESTFLAGS)

packages:
	@.ci/packages

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then printf 'gofmt -w is due for:\n%s\n' "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags compose ./testenv/compose
	$(TOOL) staticcheck ./...

release:
	@GO=$(GO) scripts/release

man:
	$(GO) test ./internal/mdoc -run TestManualPages -update

licenses:
	$(GO) test -run '^TestThirdParty$$' -update .

vuln:
	@.ci/vuln

bench: bench-code bench-load bench-peers bench-growth

bench-packages:
	@.ci/packages bench
	@mkdir -p bin

# Not those below testenv, which measure the whole program, and take turns.
bench-code: bench-packages
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 0 $(if $(QUICK),-benchtime 10ms -count 1,-count $(COUNT)) \
	  $$($(GO) list $(PACKAGES) | grep -v /testenv/) | tee bin/bench.txt
	$(TOOL) benchstat $(BASE) bin/bench.txt

bench-load: bench-packages
	$(BENCH_ENV) $(GO) test -run '^$$' -bench . -benchtime $(ROUNDS) -timeout 0 ./testenv/load | tee bin/bench-load.txt

bench-peers: bench-packages
	$(BENCH_ENV) $(GO) test -run '^$$' -bench Rate -benchtime $(ROUNDS) -timeout 0 ./testenv/peers | tee bin/bench-rate.txt
	$(BENCH_ENV) $(GO) test -run '^$$' -bench Acceptance -benchtime 1x -timeout 0 ./testenv/peers | tee bin/bench-acceptance.txt

bench-growth: bench-packages
	$(BENCH_ENV) $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 0 ./testenv/growth | tee bin/bench-growth.txt

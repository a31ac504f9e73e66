# What can be done here. CONTRIBUTING.md says what must pass before a commit.

GO          ?= go
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
DEBVERSION  := $(shell echo "$(VERSION)" | sed -E "s/^v//; s/-/+/g; /^[0-9]+\./!s/^/0.1.0+git./")
# Half a megabyte is HTTP/2, which nothing speaks here: the API, the page and routers are asked by HTTP/1.1 (ADR 0068).
BUILD       := CGO_ENABLED=0 $(GO) build -tags nethttpomithttp2 -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)"
GOFUMPT     := $(GO) run mvdan.cc/gofumpt@v0.12.0
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
FUZZTIME    ?= 60s
FUZZJOBS    ?= 2
SOAKTIME    ?= 1h

.DEFAULT_GOAL := help
.PHONY: deb package help run build test check lint race test386 cross netns ring nat-matrix nat-trials web-test tools-test kills demo fuzz corpus soak bench bench-files vuln clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build, and start a node
	./bin/caracal up

build: ## build bin/caracal
	$(BUILD) -o bin/caracal ./cmd/caracal

test: ## run all tests, under a minute
	$(GO) test ./...

check: lint race ## all that must pass before a commit

lint: ## form, vet, staticcheck and the laws of the house
	@echo "== gofumpt"
	@unformatted=$$($(GOFUMPT) -l .) || exit 1; if [ -n "$$unformatted" ]; then echo "not formatted:" $$unformatted; exit 1; fi
	@echo "== go vet"
	$(GO) vet ./...
	@echo "== go vet of bench, a module of its own"
	$(GO) -C bench vet .
	@echo "== staticcheck"
	$(STATICCHECK) ./...
	@echo "== laws"
	$(GO) test -count=1 ./internal/arch

# Nothing below the line has goroutines (the laws of the house, checked by make lint), simnet is one, and cmd only waits.
RACY = $(shell $(GO) list ./... | grep -E '/(api|host|share|pair|web|examples|internal/(udp|lan|portmap|doctor|config|metrics|trace|pcapng))(/|$$)')

race: ## run the tests of all that has goroutines with the race detector, but for the longest (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short $(RACY)

# What stands above the line reckons with nothing that depends on the word; make qemu compares whole simulations.
CORE = $(shell $(GO) list ./... | grep -E '/(sid|link|mdp|msp|nat|node|overlay|pair|share|internal/(agenda|kad|rtt|session|trace|wire))(/|$$)')

test386: ## run the tests of the node itself as a 32-bit program
	GOARCH=386 CGO_ENABLED=0 $(GO) test -short $(CORE)

cross: ## build for every system, and the core for the browser
	GOOS=linux   GOARCH=amd64       $(BUILD) -o bin/caracal-linux-amd64       ./cmd/caracal
	GOOS=linux   GOARCH=arm64       $(BUILD) -o bin/caracal-linux-arm64       ./cmd/caracal
	GOOS=linux   GOARCH=arm GOARM=6 $(BUILD) -o bin/caracal-linux-armv6       ./cmd/caracal
	GOOS=darwin  GOARCH=arm64       $(BUILD) -o bin/caracal-darwin-arm64      ./cmd/caracal
	GOOS=windows GOARCH=amd64       $(BUILD) -o bin/caracal-windows-amd64.exe ./cmd/caracal
	GOOS=js      GOARCH=wasm        $(GO) build ./node

.PHONY: qemu figures
qemu: ## run simulations on other architectures: the same histories (needs qemu-user; SHORT=1: one, on arm64 and 386)
	GO="$(GO)" SHORT="$(SHORT)" bash test/qemu.sh

figures: ## measure the figures of routes and scale anew, in virtual time, and write them into docs (minutes)
	$(GO) run ./test/figures -long

netns: ## run the tests between Linux network namespaces (needs root)
	@if [ "$$(uname)" != Linux ] || [ "$$(id -u)" != 0 ]; then \
		echo "SKIP make netns: needs root on Linux to make network namespaces"; exit 0; fi; \
	for script in test/netns/*.sh; do \
		[ "$$script" = test/netns/lib.sh ] && continue; \
		echo "== $$script"; bash "$$script" || exit 1; \
	done

ring: ## how long a ring of eight is silent when a node is, 20 times; 32 idle nodes on one LAN (needs root, 8 minutes)
	TRIALS=20 LAN_NODES=32 bash test/netns/ring.sh

kills: ## 50 kills of sender and receiver and more, until ten transfers of 5,000 files of 1 GB are complete (needs root, ten minutes)
	TRANSFERS=10 TREE_MB=1000 FILES=5000 GAP_MS=6000 bash test/netns/files_kills.sh

tools-test: ## let promtool judge the metrics, and tshark a capture (needs prometheus, tshark)
	bash test/tools.sh

web-test: ## run the page in Chromium (needs chromium, node and npm)
	bash test/web/run.sh

deb: build ## Debian packages for amd64, arm64 and armhf (ARMv6) in bin/deb
	@for machine in amd64: arm64: arm:6; do \
		arch=$${machine%%:*}; deb=$$arch; [ $$arch = arm ] && deb=armhf; \
		GOOS=linux GOARCH=$$arch GOARM=$${machine##*:} $(BUILD) -o bin/caracal-deb-$$deb ./cmd/caracal && \
		packaging/deb/build.sh "$(DEBVERSION)" $$deb bin/caracal-deb-$$deb bin/caracal bin/deb || exit 1; \
	done

package: $(if $(BUILT),,deb) ## install the package where nothing is spoilt, remove it, purge it; run it under systemd; lint it and the pages (needs root)
	test/package.sh "$(DEBVERSION)"
	test/units.sh "bin/deb/caracal_$(DEBVERSION)_$(shell dpkg --print-architecture 2>/dev/null).deb"

nat-matrix: ## the table of what comes of two NATs, 1,000 trials a cell, simulated; REWRITE=1 keeps it as the golden one
	$(GO) test ./simnet -run 'TestNATMatrix' -v -timeout 30m -args -nat-trials 1000 $(if $(REWRITE),-rewrite)

nat-trials: ## every pair of NATs between real routers, TRIALS times (20; needs root; minutes)
	bash test/netns/nat/trials.sh

demo: build ## three nodes in a row, a file from one end to the other
	./bin/caracal demo

fuzz: ## run every fuzz target for FUZZTIME (60s), FUZZJOBS (2) at a time
	@grep -r --include='*_test.go' --exclude-dir=testdata '^func Fuzz' . | \
		sed -E 's|^(.*)/[^/]*:func (Fuzz[A-Za-z0-9_]*)\(.*|\1 \2|' | sort | \
		while read -r target; do echo "$$target $(FUZZTIME)"; done | GO="$(GO)" xargs -P $(FUZZJOBS) -L 1 test/fuzz.sh

corpus: ## keep what fuzzing has found on this machine in testdata/fuzz
	GO="$(GO)" sh test/corpus.sh

soak: ## run the tests called TestSoak… for SOAKTIME (1h)
	CARACAL_SOAK=$(SOAKTIME) $(GO) test -run '^TestSoak' -count=1 -timeout 0 -v ./...

bench: ## measure throughput and latency beside other transports, on all sorts of paths, and write it into docs (needs root; half an hour)
	DOC=../docs/performance.md ./bench/bench.sh
	DOC=../docs/performance.md ./bench/paths.sh
	DOC=../docs/performance.md ./bench/relay.sh

bench-files: ## measure files beside one bare stream on a wire of 1 Gbit/s; fails below 0.8 of it or above 64 MB of memory (needs root)
	RATE=1gbit FILE_MB=2048 STREAM_MB=1000 BAR=0.8 bench/files.sh

bench-quick: ## the most telling ratios of the same, in less than 50 s (needs root)
	./bench/quick.sh

vuln: ## look for known weaknesses in what we are built on
	@echo "== modules are what go.sum says"
	@$(GO) mod verify
	@echo "== modules taken back, given up, or with newer versions"
	@mkdir -p bin; $(GO) list -m -u -retracted -f '{{if not .Main}}{{with .Retracted}}RETRACTED {{$$.Path}} {{$$.Version}} {{.}}{{"\n"}}{{end}}{{with .Deprecated}}DEPRECATED {{$$.Path}} {{.}}{{"\n"}}{{end}}{{if not .Indirect}}{{with .Update}}newer {{.Path}} {{.Version}}{{"\n"}}{{end}}{{end}}{{end}}' all | { \
		grep . | tee bin/vuln.txt || true; }; ! grep -E '^(RETRACTED|DEPRECATED)' bin/vuln.txt
	@echo "== govulncheck"
	@if ! GOBIN=$(CURDIR)/bin $(GO) install $(GOVULNCHECK) 2>/dev/null; then \
		echo "SKIP: $(GOVULNCHECK) cannot be had here"; \
	else bin/govulncheck ./...; code=$$?; \
		if [ $$code = 3 ]; then exit 1; elif [ $$code != 0 ]; then echo "SKIP: its database cannot be reached from here"; fi; \
	fi

clean: ## remove what was built
	rm -rf bin bench/out

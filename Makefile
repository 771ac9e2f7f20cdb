# Two commands do everything on a fresh machine: make demo, make test.

GO      ?= go
BENCH   := $(GO) run ./bench
FUZZ    ?= 30s

.PHONY: all build demo test check needs fuzz bench bench-record stress chaos clean

all: build

build:
	$(GO) build -o bin/sallyport ./cmd/sallyport

# A small site through a balancer on http://127.0.0.1:8080; Ctrl-C ends it.
demo: build
	@$(GO) build -o bin/demo ./examples/demo
	@bin/demo -sallyport bin/sallyport -f examples/demo.conf

# Everything: formatting, vet, staticcheck, all tests under -race, the scripts
# on real httpd and on Sallyport, what the fuzz targets have found before.
test: needs check
	$(GO) test -race -timeout 15m ./...
	$(GO) test -run Allocations ./internal/server

check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt would change these files"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# The real servers the tests run against, installed from Debian when root.
needs:
	@sh .ci/needs

# Each fuzz target looks for something new for $(FUZZ). Not a part of test: what
# it finds by chance today says nothing of the change that is being tested.
fuzz:
	@sh .ci/fuzz $(FUZZ)

# The race: CASE=, PEERS=, ROUNDS= and DUR= run a part of it.
bench: build
	$(BENCH) $(if $(CASE),-case $(CASE)) $(if $(PEERS),-peers $(PEERS)) $(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(DUR),-dur $(DUR))

bench-record: build
	$(BENCH) -write $(if $(CASE),-case $(CASE)) $(if $(PEERS),-peers $(PEERS)) $(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(DUR),-dur $(DUR))

stress: build
	$(GO) run ./bench/stress $(if $(DUR),-d $(DUR))

# What a balancer loses while its members die; PEER=httpd to compare.
chaos: build
	$(GO) run ./bench/chaos $(if $(PEER),-peer $(PEER)) $(if $(DUR),-d $(DUR))

clean:
	rm -rf bin

# Versions are pinned: the newest release of a tool does not always build with our Go.
GOLANGCI   = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULN     = go run golang.org/x/vuln/cmd/govulncheck@v1.8.0
LDFLAGS    = -s -w -buildid=

.PHONY: build test promises soak mutants race short lint fmt fuzz bench vuln demo replay browser release clean

build:            ## the program, in ./ccgwatch
	CGO_ENABLED=0 go build -trimpath -ldflags='$(LDFLAGS)' -o ccgwatch ./cmd/ccgwatch

test:             ## what README says
	go test ./...

promises:         ## every TestPromise... with the count of a pull request: half an hour at most
	CCGWATCH_PROMISES=1 go test -count=1 -timeout 25m -run '^TestPromise' ./...

soak:             ## the same with the full counts: hours
	CCGWATCH_SOAK=1 go test -count=1 -timeout 24h -run '^TestPromise' ./...
	CCGWATCH_SOAK=1 CCGWATCH_REPLAY=1 go test -count=1 -timeout 24h -run Replay -v ./cmd/ccgwatch

mutants:          ## plants each known fault in a copy of the tree; a test must notice
	CCGWATCH_MUTANTS=1 go test -count=1 -timeout 60m -run '^TestMutants$$' -v ./cmd/ccgwatch

race:
	go test -race -shuffle=on -timeout 25m ./...

short:            ## a quick round while working
	go test -short ./...

lint:
	go vet ./...
	$(GOLANGCI) run ./...

fmt:
	gofmt -w .

fuzz:             ## every fuzz target for FUZZTIME each
	@FUZZTIME=$${FUZZTIME:-30s}; for pkg in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $$FUZZTIME $$pkg || exit 1; \
	  done; done

bench:
	go test -run '^$$' -bench . -benchmem ./...

vuln:             ## needs the vulnerability database
	$(GOVULN) ./...

demo:
	go run ./cmd/ccgwatch demo

replay:           ## the checks against the recorded sources, where they are at hand
	CCGWATCH_REPLAY=1 go test -count=1 -timeout 25m -run Replay -v ./cmd/ccgwatch

browser:          ## the pages in headless Chromium; CCGWATCH_AXE is the axe.min.js of axe-core, CCGWATCH_SHOTS a directory for pictures
	CCGWATCH_BROWSER=1 go test -count=1 -timeout 15m -run TestBrowser -v ./cmd/ccgwatch

release: clean    ## four targets and their sums, in dist/
	@mkdir -p dist; for t in linux/amd64 linux/arm64 darwin/arm64 windows/amd64; do \
	  GOOS=$${t%/*} GOARCH=$${t#*/} CGO_ENABLED=0 go build -trimpath -ldflags='$(LDFLAGS)' -o dist/ccgwatch-$${t%/*}-$${t#*/} ./cmd/ccgwatch || exit 1; done
	cd dist && sha256sum * > SHA256SUMS

clean:
	rm -rf dist ccgwatch

# Versions are pinned: the newest release of a tool does not always build with our Go.
GOLANGCI   = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
NFPM       = go run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
GOVULN     = go run golang.org/x/vuln/cmd/govulncheck@v1.8.0
LDFLAGS    = -s -w -buildid=

.PHONY: build test promises soak mutants race short lint fmt fuzz bench vuln demo replay browser release deb debcheck container clean

build:            ## the program, in ./ccgwatch
	CGO_ENABLED=0 go build -trimpath -ldflags='$(LDFLAGS)' -o ccgwatch ./cmd/ccgwatch

test:             ## what README says
	go test ./...

promises:         ## every TestPromise... with the count of a pull request: half an hour at most
	CCGWATCH_PROMISES=1 go test -count=1 -timeout 25m -run '^TestPromise' ./...

soak:             ## the same with the full counts: hours; CCGWATCH_SOAK_DIR keeps the ledgers, and a second run goes on where the first broke off
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

# VERSION is what the package manager compares; a build between two releases sorts
# after the last one. SOURCE_DATE_EPOCH is the time of the last commit, so that
# whoever builds the same commit with the same Go gets the same bytes.
TARGETS    = linux/amd64 linux/arm64 linux/armv7 darwin/amd64 darwin/arm64 windows/amd64
VERSION   ?= $(shell git describe --tags --match 'v[0-9]*' 2> /dev/null | sed 's/^v//; s/-/+/' | grep . || git log -1 --format=0.1.0~%cd --date=format:%Y%m%d%H%M%S)
MAINTAINER ?= The operators of CCGWatch <root@localhost>
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)

release: clean    ## every target, the Debian packages and their sums, in dist/
	@mkdir -p dist; for t in $(TARGETS); do \
	  os=$${t%/*} arch=$${t#*/} ext=; [ $$os = windows ] && ext=.exe; \
	  GOOS=$$os GOARCH=$$(echo $$arch | sed 's/armv7/arm/') GOARM=7 CGO_ENABLED=0 \
	    go build -trimpath -buildvcs=false -ldflags='$(LDFLAGS) -X main.release=$(VERSION)' -o dist/ccgwatch-$$os-$$arch$$ext ./cmd/ccgwatch || exit 1; done
	$(MAKE) --no-print-directory deb ARCHS="amd64 arm64 armv7"
	cd dist && sha256sum ccgwatch-* *.deb > SHA256SUMS

ARCHS     ?= $(shell go env GOHOSTARCH)
deb:              ## Debian packages of ARCHS (this machine's, if none are named), in dist/
	@mkdir -p dist/man dist/completions
	go run ./cmd/ccgwatch man dist/man
	go run ./cmd/ccgwatch completion bash > dist/completions/ccgwatch.bash
	go run ./cmd/ccgwatch completion zsh > dist/completions/_ccgwatch
	go run ./cmd/ccgwatch completion fish > dist/completions/ccgwatch.fish
	@for arch in $(ARCHS); do bin=dist/ccgwatch-linux-$$arch; \
	  [ -f $$bin ] || GOOS=linux GOARCH=$$(echo $$arch | sed 's/armv7/arm/') GOARM=7 CGO_ENABLED=0 \
	    go build -trimpath -buildvcs=false -ldflags='$(LDFLAGS) -X main.release=$(VERSION)' -o $$bin ./cmd/ccgwatch || exit 1; \
	  ARCH=$$(echo $$arch | sed 's/armv7/arm7/') BINARY=$$bin VERSION='$(VERSION)' MAINTAINER='$(MAINTAINER)' \
	    $(NFPM) package -f cmd/ccgwatch/dist/nfpm.yaml -p deb -t dist/ || exit 1; done

debcheck: deb     ## the package in a clean Debian: installed, run, upgraded, removed (needs root and mmdebstrap)
	CCGWATCH_DEB=$$(ls -t dist/*_$$(dpkg --print-architecture).deb | head -1) go test -count=1 -timeout 15m -run '^TestPackage(Keeps|Unit)' -v ./cmd/ccgwatch

container:        ## an image of the program alone; CONTAINER is podman, docker or buildah
	CGO_ENABLED=0 GOOS=linux go build -trimpath -buildvcs=false -ldflags='$(LDFLAGS) -X main.release=$(VERSION)' -o dist/ccgwatch-linux-$$(go env GOARCH) ./cmd/ccgwatch
	mkdir -p dist/empty && cp /etc/ssl/certs/ca-certificates.crt dist/
	$(or $(CONTAINER),podman) build --build-arg TARGETARCH=$$(go env GOARCH) -t ccgwatch -f cmd/ccgwatch/dist/Containerfile dist

clean:
	rm -rf dist ccgwatch

# Everything a person or CI does with tallyd. Two targets are all that a
# newcomer needs: make run, make test.
GO ?= go
BIN := bin/tallyd
STATICCHECK := $(GO) tool staticcheck
FUZZTIME ?= 30s

# The pages are built where a Node that can is found; the daemon is built without, too.
PAGES := connectors/web/pages
NODE := $(shell node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null && command -v npm)

.PHONY: run build pages pages-if-node pages-tested test lint race unraced bench fuzz generate clean

run: build ## the daemon, on a simulated call centre until a switch is configured
	$(BIN) serve --demo

build: pages-if-node
	$(GO) build -trimpath -o $(BIN) ./cmd/tallyd

pages: $(PAGES)/dist/app/index.html ## the pages, into what the daemon is built of; needs Node 20.19 or later

$(PAGES)/dist/app/index.html: $(PAGES)/node_modules/.installed $(shell find $(PAGES)/src $(PAGES)/public -type f) $(PAGES)/index.html $(PAGES)/vite.config.ts $(PAGES)/svelte.config.js
	cd $(PAGES) && npm run --silent build

$(PAGES)/node_modules/.installed: $(PAGES)/package-lock.json $(PAGES)/.npmrc
	cd $(PAGES) && npm ci --ignore-scripts --no-audit --no-fund && touch node_modules/.installed

pages-if-node:
ifneq ($(NODE),)
	@$(MAKE) --no-print-directory pages || echo "The pages could not be built: the daemon is built with those that were there before, or without."
endif

pages-tested: ## what tests need of the pages
ifneq ($(NODE),)
	$(MAKE) --no-print-directory pages
	cd $(PAGES) && npm run --silent check
else ifeq ($(TALLYD_REQUIRE),all)
	@echo "The pages need Node 20.19 or later, and npm."; exit 1
else
	@echo "Left out: the pages, which need Node 20.19 or later, and npm."
endif

test: pages-tested lint race unraced ## everything that must hold; TALLYD_REQUIRE=all fails what would be left out

lint:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(STATICCHECK) ./...

race: ## all suites and fuzz seeds under the race detector
	$(GO) test -race -timeout 20m ./...

unraced: ## what the race detector would falsify or slow down, one package after another: allocations, ratios, memory, kills
	$(GO) test -p 1 -timeout 30m -count 1 -run 'Allocs|Ratio|Memory|Performance|Kill9|Documents|Subscribers|Machines|PagesIn|PageTypes' ./...

bench: ## benchmarks beside their peers, in one run
	$(GO) test -run '^$$' -bench . -benchmem ./metrics/... ./connectors/... ./storage/...

fuzz: ## FUZZTIME each
	$(GO) test -run '^$$' -fuzz '^FuzzReader$$' -fuzztime $(FUZZTIME) ./connectors/freeswitch/eventsocket
	$(GO) test -run '^$$' -fuzz '^FuzzJSON$$' -fuzztime $(FUZZTIME) ./connectors/freeswitch/eventsocket
	$(GO) test -run '^$$' -fuzz '^FuzzTracker$$' -fuzztime $(FUZZTIME) ./metrics
	$(GO) test -run '^$$' -fuzz '^FuzzRollup$$' -fuzztime $(FUZZTIME) ./metrics
	$(GO) test -run '^$$' -fuzz '^FuzzContact$$' -fuzztime $(FUZZTIME) ./metrics
	$(GO) test -run '^$$' -fuzz '^FuzzFact$$' -fuzztime $(FUZZTIME) ./metrics
	$(GO) test -run '^$$' -fuzz '^FuzzScheme$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./rules
	$(GO) test -run '^$$' -fuzz '^FuzzFactLines$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./rules
	$(GO) test -run '^$$' -fuzz '^FuzzAlerts$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./rules/alert
	$(GO) test -run '^$$' -fuzz '^FuzzSpans$$' -fuzztime $(FUZZTIME) ./metrics
	$(GO) test -run '^$$' -fuzz '^FuzzTranslate$$' -fuzztime $(FUZZTIME) ./connectors/freeswitch
	$(GO) test -run '^$$' -fuzz '^FuzzJSONCDR$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./connectors/freeswitch/callrecords
	$(GO) test -run '^$$' -fuzz '^FuzzCSV$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./connectors/freeswitch/callrecords
	$(GO) test -run '^$$' -fuzz '^FuzzLists$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./connectors/freeswitch/callrecords
	$(GO) test -run '^$$' -fuzz '^FuzzDecode$$' -fuzztime $(FUZZTIME) ./connectors/asterisk/arievent
	$(GO) test -run '^$$' -fuzz '^FuzzReader$$' -fuzztime $(FUZZTIME) ./connectors/asterisk/ami
	$(GO) test -run '^$$' -fuzz '^FuzzTranslate$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./connectors/asterisk
	$(GO) test -run '^$$' -fuzz '^FuzzFactMessage$$' -fuzztime $(FUZZTIME) ./connectors/api
	$(GO) test -run '^$$' -fuzz '^FuzzRoster$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./cmd/tallyd/config
	$(GO) test -run '^$$' -fuzz '^FuzzFacts$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./cmd/tallyd/factcsv
	$(GO) test -run '^$$' -fuzz '^FuzzForms$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./rules/form
	$(GO) test -run '^$$' -fuzz '^FuzzRead$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./connectors/asterisk/queuelog
	$(GO) test -run '^$$' -fuzz '^FuzzCDR$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./connectors/asterisk/callrecords
	$(GO) test -run '^$$' -fuzz '^FuzzCEL$$' -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./connectors/asterisk/callrecords

generate: ## what is made from other files: the demo recording, golden files
	$(GO) generate ./...

clean:
	rm -rf bin $(PAGES)/dist/app $(PAGES)/node_modules

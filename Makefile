# Two commands on a fresh machine: `make demo` and `make test`. Each sets .venv up by itself. `make test-pipeline` needs Go beside Python.
PYTHON ?= python3
PROCESSES ?= 2
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-clients test-clients-bounded test-frameworks test-cluster test-cluster-bounded test-floor test-newest test-frameworks-bounded test-resolve test-web-jobs test-web-jobs-bounded test-page test-pipeline test-runners test-runners-more harden harden-bounded lint model mutation bench bench-smoke dist reports weigh clean site

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/.ready  ## the main job on the embedded store; exit 0 only if every audit holds
	$(BIN)/rvbbit-otel demo

lint: $(VENV)/.ready  ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint  ## every test that needs nothing but the package registries; PROCESSES=0 for one after the other
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile

model: $(VENV)/.ready  ## 10,000 random programs against the model of the contract (tests/model/README.md); MODEL="--seed 1000" for others
	$(BIN)/python -m tests.model $(MODEL)

mutation: $(VENV)/.ready  ## 1,170 mutants of the rule of who owns what (tests/mutation/README.md), hours; MUTATION="--module work" for some of them
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,mutation]'
	$(BIN)/python -m tests.mutation $(MUTATION)

test-runners: $(VENV)/.ready  ## the published RVBBIT, installed in an environment of its own; RUNNERS_SIZE=full for the sizes of docs/how-to/instrument-larsql.md
	$(BIN)/python -m tests.runners.environment
	$(BIN)/python -m pytest tests/runners --ignore tests/runners/test_studio.py --ignore tests/runners/test_versions.py

test-runners-more: $(VENV)/.ready  ## its studio, which takes long to start and to stop, and its older versions
	$(BIN)/python -m tests.runners.environment
	$(BIN)/python -m pytest tests/runners/test_studio.py tests/runners/test_versions.py

test-clients: $(VENV)/.ready  ## released database clients against `up`, each from its registry in .clients/: JDBC, Python, Node.js, Go, Rust (docs/reference/clients.md)
	$(BIN)/python -m pytest tests/clients

test-clients-bounded: $(VENV)/.ready  ## of these, JDBC as DBeaver loads it, and clickhouse-connect
	$(BIN)/python -m pytest tests/clients/test_jdbc.py tests/clients/test_clickhouse_connect.py

test-frameworks: $(VENV)/.ready  ## agent frameworks as published, each beside this package in an environment of its own in .frameworks/ (docs/how-to/frameworks.md)
	$(BIN)/python -m pytest tests/frameworks

test-frameworks-bounded: $(VENV)/.ready  ## of these, pydantic-ai and openai-agents, alone and beside one other instrumentation
	$(BIN)/python -m pytest tests/frameworks -k "(pydantic-ai or openai-agents) and not openllmetry and not own"

test-web-jobs: $(VENV)/.ready  ## FastAPI, Flask, Django, Celery, RQ and APScheduler as published, in .frameworks/ too (docs/how-to/web-and-jobs.md)
	$(BIN)/python -m pytest tests/web_jobs

test-web-jobs-bounded: $(VENV)/.ready  ## of these, a web framework of each kind, what settings alone do, and the page's examples
	$(BIN)/python -m pytest tests/web_jobs -k "fastapi or flask or settings or page"

test-page: $(VENV)/.ready  ## the page in Debian's Chromium (apt-get install -y chromium); `python -m tests.page.pictures` takes docs/pictures anew
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,page-tests]'
	timeout 300 $(BIN)/python -m pytest tests/page

test-floor: $(VENV)/.ready  ## the unit and contract tests with the lowest versions that pyproject.toml allows
	$(BIN)/python -m tests.frameworks.floor

test-newest: $(VENV)/.ready  ## these, with the newest versions that there are
	$(BIN)/python -m tests.frameworks.newest

test-resolve: $(VENV)/.ready  ## whether pip and uv install this package beside each of twelve frameworks; nothing is installed
	$(BIN)/python -m tests.frameworks.resolve

test-pipeline: $(VENV)/.ready  ## the real collector and Jaeger, built from Go modules or taken from their cache, and every fault
	collector/build.sh
	collector/build-jaeger.sh
	$(BIN)/python -m pytest tests/pipeline

test-cluster: $(VENV)/.ready  ## engine processes as shards and replicas: a bad week, a step at a time, against one store, as a table (docs/how-to/run-on-a-cluster.md)
	$(BIN)/python -m tests.cluster --size full
	$(BIN)/python -m pytest tests/cluster/test_reshard.py

test-cluster-bounded: $(VENV)/.ready  ## the same week with few sessions, in two minutes
	$(BIN)/python -m pytest tests/cluster

harden: $(VENV)/.ready  ## what docs/reliability.md says, at its figures' sizes, forty minutes; needs Go as test-pipeline does. HARDEN_SEED=N for the same again
	HARDEN_SIZE=$${HARDEN_SIZE:-full} $(BIN)/python -m pytest -m figure tests/harden tests/integration tests/pipeline

harden-bounded: $(VENV)/.ready  ## of these, what `make test` does not run in a small size already, by the same seed each time, in five minutes
	HARDEN_SIZE=bounded HARDEN_SEED=$${HARDEN_SEED:-20261126} $(BIN)/python -m pytest tests/harden

bench: $(VENV)/.ready  ## a short form of every benchmark, ten minutes; writes benchmarks/results.json and docs/performance.md
	$(BIN)/python -m benchmarks all --size short --results benchmarks/results.json
	$(BIN)/python -m benchmarks.page

bench-smoke: $(VENV)/.ready  ## one short round of every benchmark, for errors only, never for times
	$(BIN)/python -m benchmarks all --size smoke

dist: $(VENV)/.ready  ## wheel and sdist, checked, and the demo from the wheel in an empty environment of each Python here; DIST_PYTHONS="3.12" for some
	$(BIN)/python -m release.dist $(DIST_PYTHONS)

reports: $(VENV)/.ready  ## after dist: what an install pulls in, as a CycloneDX SBOM and a table of licences, into dist/
	$(BIN)/python -m release.reports

site: $(VENV)/.ready  ## the documentation as a site in dist/site; a link that leads nowhere is an error
	$(BIN)/python docs/commands.py
	$(BIN)/python -m release.site

weigh: $(VENV)/.ready  ## after dist: what an install weighs, by extras (docs/adr/0094)
	$(BIN)/python -m release.weigh

clean:
	rm -rf .release $(VENV) .clients .frameworks .runners build dist

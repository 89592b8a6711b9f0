# make run · make test · make deploy · make destroy · make lint · make help
PYTHON ?= python3
VENV   ?= .venv
PY     := $(VENV)/bin/python
COSMIC := $(VENV)/bin/cosmic-fmi
# Elsewhere on Linux the default torch build brings gigabytes of CUDA; this index has the CPU build:
#   make run TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
PIP_INDEX   := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
# As cosmic_fmi/experiment/targets/terraform_command.py chooses: Terraform, or OpenTofu where that is what there is.
TERRAFORM ?= $(shell command -v terraform || command -v tofu || echo terraform)
TARGET ?= local
ARGS   ?=
# Tests mostly wait, for other processes and for their deadlines: two at a time keep two cores busy.
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help need-terraform setup run bench bench-fmi bench-inference docs test test-fmi-python test-fmi-sanitized test-course test-teardown test-wheel test-images lint lint-terraform setup-asl format deploy destroy clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

setup: $(VENV)/.ready ## the Python environment in .venv (run and test do it themselves)

# Not compiling on installation halves its time; what is imported is compiled then, once: where a shell forbids
# writing that down, every one of the many processes that a run or a test starts would compile it again.
unexport PYTHONDONTWRITEBYTECODE
INSTALL = $(PY) -m pip install --quiet --disable-pip-version-check --no-compile $(PIP_INDEX) -c constraints.txt -e

$(VENV)/.ready: pyproject.toml constraints.txt setup.py $(wildcard inference/engines/kernels/*.[ch] fmi/transport/*.c)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing into $(VENV) (a few minutes the first time, nothing after that)"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) .
	@$(PY) -c 'import sys; from inference.engines.kernels import built; sys.exit(not built())' || \
	  echo "No C compiler was found: inference runs on onnxruntime (docs/inference.md, Engines)"
	@$(PY) -c 'import sys; from fmi.transport.core import LIBRARY; sys.exit(not LIBRARY.is_file())' || \
	  echo "No C compiler was found: small messages take longer (docs/fmi.md, The message core)"
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	@echo "Installing what tests and linters need"
	@$(INSTALL) '.[dev]'
	@touch $@

$(VENV)/.ready-course: $(VENV)/.ready-dev
	@echo "Installing what the course's programs import"
	@$(INSTALL) '.[course]'
	@touch $@

$(VENV)/.ready-bench: $(VENV)/.ready
	@echo "Installing what is compared with"
	@$(INSTALL) '.[bench]'
	@touch $@

$(VENV)/.ready-docs: $(VENV)/.ready
	@echo "Installing what builds the documentation site"
	@$(INSTALL) '.[docs]'
	@touch $@

run: setup ## the whole chain on the embedded AWS; ARGS="--world-size 8 --batch-size 256"
	@exec $(COSMIC) run --target $(TARGET) $(ARGS)

bench: bench-fmi bench-inference ## every benchmark; writes docs/benchmarks

bench-fmi: $(VENV)/.ready-bench ## FMI beside gloo, MPI and a bare socket; ARGS=--quick for a short run
	@exec $(PY) -m benchmarks.fmi $(ARGS)

bench-inference: $(VENV)/.ready-bench ## AstroMAE inference beside the course's way; ARGS=--quick for a short run
	@exec $(PY) -m benchmarks.inference $(ARGS)

# --strict: a link or an anchor that leads nowhere, or a page outside the navigation, is an error (with --quiet it is
# not). The variable silences an advertisement for the theme's successor.
SITE = NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

docs: $(VENV)/.ready-docs ## the documentation site, in site/: all pages with search, and a reference
	@$(SITE)
	@echo "Open site/index.html; to search as well: $(PY) -m http.server --bind 127.0.0.1 --directory site"

test: $(VENV)/.ready-dev ## every test; ARGS="tests/fmi -k reduce", WORKERS=0 for one after the other
	@exec $(PY) -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

test-fmi-python: $(VENV)/.ready-dev ## fmi's tests without its message core in C; ARGS as for test
	@FMI_NATIVE=0 exec $(PY) -m pytest -n $(WORKERS) --dist loadfile tests/fmi/transport tests/fmi/comm tests/fmi/collectives $(ARGS)

test-fmi-sanitized: $(VENV)/.ready-dev ## tests over the message core, with Clang's or GCC's sanitizers looking for errors in it
	@exec .ci/sanitized $(ARGS)

test-course: $(VENV)/.ready-course ## the course's own scripts (docs/course.md), from a clone of theirs: COURSE=folder
	@exec $(PY) -m tests.course "$(COURSE)"

test-teardown: $(VENV)/.ready-dev ## delete every kind of thing by hand and destroy, one kind after the other (an hour)
	@COSMIC_TEARDOWN=1 exec $(PY) -m pytest tests/terraform/test_teardown.py $(ARGS)

test-wheel: $(VENV)/.ready-dev ## build the wheel, install it far from the repository, and run a world from there
	@COSMIC_WHEEL=1 exec $(PY) -m pytest tests/test_wheel.py $(ARGS)

test-images: $(VENV)/.ready-dev ## build both container images in Docker and test them; ARGS="-k world"
	@exec .ci/images $(ARGS)

lint: $(VENV)/.ready-dev ## ruff, mypy in strict mode, which package may import which, links of the docs, terraform fmt
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-cache
	$(SITE)
	$(TERRAFORM) fmt -check -recursive terraform
	$(PY) scripts/terraform_docs.py --check

.venv-checkov/.ready: .ci/checkov.txt
	@echo "Installing checkov into .venv-checkov"
	@$(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -r .ci/checkov.txt
	@touch $@

lint-terraform: .venv-checkov/.ready ## checkov on terraform/ without a network, and tflint where it is installed
	cd terraform && ../.venv-checkov/bin/checkov --directory . --config-file .checkov.yaml
	@if command -v tflint >/dev/null; then tflint --chdir=terraform --recursive; fi

setup-asl: .venv-asl/.ready ## asl-validator and another interpreter of state machines for make test; needs Node.js and npm

.venv-asl/.ready: $(wildcard .ci/asl/*)
	@command -v npm >/dev/null || { echo "npm is needed (Node.js 20 or newer); without it make test leaves these tests out"; exit 1; }
	@echo "Installing asl-validator and aws-local-stepfunctions into .venv-asl"
	@mkdir -p .venv-asl && cp .ci/asl/* .venv-asl && cd .venv-asl && npm ci --silent --no-audit --no-fund
	@touch $@

format: $(VENV)/.ready-dev ## let ruff and terraform rewrite what they can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	$(TERRAFORM) fmt -recursive terraform
	$(PY) scripts/terraform_docs.py

need-terraform:
	@command -v $(TERRAFORM) >/dev/null || \
	  { echo "Terraform 1.9 or newer (or OpenTofu) is needed: https://developer.hashicorp.com/terraform/install"; exit 1; }

deploy: need-terraform setup ## terraform apply into your AWS account (shows the plan and asks first); ARGS=-auto-approve
	$(TERRAFORM) -chdir=terraform init
	PATH="$(abspath $(VENV))/bin:$$PATH" $(TERRAFORM) -chdir=terraform apply $(ARGS)

destroy: setup ## take everything down again: TARGET=local (default) or TARGET=aws
	@exec $(COSMIC) destroy --target $(TARGET) $(ARGS)

clean: ## forget the environment and the embedded AWS's state (destroy first)
	rm -rf $(VENV) .venv-checkov .venv-asl .local site inference/engines/kernels/*.so fmi/transport/*.so

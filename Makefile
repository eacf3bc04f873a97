# `make report` and `make test` are all that a fresh machine needs: Python 3.11 or newer, and make.
PYTHON ?= python3
TIER ?=
# PyPI's own PyTorch computes on GPUs on Linux (3 GB) and on processors alone elsewhere. TORCH=cpu takes the build
# for processors (0.2 GB), TORCH=cu130 or another the one for a version of CUDA.
TORCH ?=
TORCH_VERSION := torch==2.13.0
BIN := .venv/bin
REJEU := $(BIN)/rejeu
AT := $(if $(TIER),--tier $(TIER))
# The paper tier's model is in 4 bits: its packages are installed where TIER, or else config.yaml, asks for it.
BUILT := $(or $(TIER),$(shell sed -n 's/^tier: *\([a-z]*\).*/\1/p' config.yaml))
FOR_TIER := .venv/installed $(if $(filter paper,$(BUILT)),.venv/quantised)

.PHONY: report claims decide replay why plan probe retrain test test-slow test-clusters clusters soak lint format audit sbom crate bench clean clean-all

report: $(FOR_TIER)
	@$(REJEU) report $(AT)

# The document's claims in the terminal. Fails where a verdict isn't the one in report/expected-verdicts.yaml.
claims: .venv/installed
	@$(REJEU) claims $(AT)

# More seeds for the claims that are undecided, or for CLAIM alone, in MINUTES at most; then `make report`.
decide: .venv/installed
	@$(REJEU) decide $(AT) $(if $(CLAIM),--claim $(CLAIM)) $(if $(MINUTES),--minutes $(MINUTES))

# How often each verdict comes out again, if the spread of its runs is the truth.
replay: .venv/installed
	@$(REJEU) replay $(AT)

# Why TARGET, or else the whole report, would be made again. Runs nothing.
why: .venv/installed
	@$(REJEU) why $(if $(TARGET),"$(TARGET)") $(AT)

# What would run for TARGET, how long it takes, what it needs, and what is missing here. Runs nothing.
plan: .venv/installed
	@$(REJEU) plan $(if $(TARGET),"$(TARGET)") $(AT)

# How fast this machine trains models of the paper tier's shapes, beside stock Trainer: a minute, no download. `plan` scales by it.
probe: .venv/installed
	@$(REJEU) probe $(if $(SECONDS),--seconds $(SECONDS))

# Makes again what other versions of torch, transformers, peft... made than those installed.
retrain: .venv/installed
	@$(REJEU) retrain $(AT)

test: .venv/installed .venv/quantised .venv/checks/installed
	$(BIN)/python -m pytest -m "not slow and not clusters"

# Kills, full disks, damage, edits, conda, containers and schedulers at length: an hour more. SHARE=1/3 runs a third.
test-slow: .venv/installed
	$(BIN)/python -m pytest -m slow $(if $(SHARE),--share $(SHARE))

# Kubernetes' manifests, and jobs on a real SLURM and a real Grid Engine, which the tests start on this machine: as root, where Debian's slurm-wlm,
# munge, gridengine-master, gridengine-exec and gridengine-client are installed. Else it says what is missing.
# QUICK=yes leaves out what `make test-slow` runs too.
test-clusters: .venv/clusters
	$(BIN)/python -m pytest -m "clusters$(if $(QUICK), and not slow)"

# Twenty kills at random moments, each followed by a plain rerun. About a quarter of an hour.
soak: .venv/installed
	$(BIN)/python -m tests.workflow.soak

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/pyright

# Known vulnerabilities of the pinned packages; pip-audit has an environment of its own, under .cache.
audit: .venv/installed sbom
	@$(REJEU) audit --sbom sbom.cdx.json

# The software bill of materials, CycloneDX: every pin of requirements.lock with its hashes and licence.
sbom: .venv/installed
	@$(REJEU) sbom

# All results of the tier, how each was made, claims and verdicts: an RO-Crate. OUT=FOLDER or FILE.zip.
crate: .venv/installed
	@$(REJEU) crate $(if $(OUT),"$(OUT)") $(AT)

# About half an hour, alone on the machine. PARTS="speed graph" measures some; PARTS=numerics takes hours;
# PARTS=share says where the last `make report` spent its time.
bench: .venv/installed
	$(BIN)/python benchmarks/run.py $(PARTS)
	$(BIN)/python benchmarks/page.py

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

# What is made again in seconds. Trained models stay.
clean:
	rm -rf report.pdf logs results/*/report results/*/figures results/*/claims.json \
	  results/*/observations.json results/*/provenance.json
	@if [ -d results ]; then \
	  echo "Kept: results/ ($$(du -sh results | cut -f1)), with $$(find results -name run.json | wc -l) trained runs," \
	    "and .cache/ with raw inputs. \`make clean-all CONFIRM=yes\` deletes both."; fi

clean-all: clean
	@if [ "$(CONFIRM)" != yes ]; then \
	  echo "This would delete every trained run and raw input. Say: make clean-all CONFIRM=yes"; exit 1; fi
	rm -rf results .cache .snakemake

# Snakemake's plugins for SLURM and Kubernetes. With them each start of Snakemake takes a second more.
# TIER=paper installs what its 4-bit model needs, too.
clusters: .venv/clusters $(FOR_TIER)

.venv/clusters: .venv/installed requirements-clusters.lock
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements-clusters.lock
	@touch $@

# What tests check crates, bills of materials and CITATION.cff by; without it they are skipped.
.venv/checks/installed: requirements-checks.lock | .venv/installed
	@$(BIN)/python -m venv .venv/checks && .venv/checks/bin/pip install --quiet --no-deps --retries 0 --timeout 4 \
	  --require-hashes -r requirements-checks.lock && touch $@ || echo "roc-validator and its like could not be installed"

# Where it can't be had, the build says so with all else that is missing, and tests of it are skipped.
.venv/quantised: .venv/installed requirements-quantised.lock
	@$(BIN)/pip install --quiet --no-deps --retries 0 --timeout 4 --require-hashes -r requirements-quantised.lock \
	  && touch $@ || echo "bitsandbytes, for models in 4 bits, could not be installed"

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Rejeu needs Python 3.11 or newer; $$($(PYTHON) --version) found. Say: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet $(TORCH_VERSION) $(if $(TORCH),--index-url https://download.pytorch.org/whl/$(TORCH))
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

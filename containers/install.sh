#!/bin/sh
# What Dockerfile and apptainer.def do alike, in two steps: `packages`, the lock's, and `engine`, this repository's.
set -eu
cd /opt/rejeu
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
case $1 in
packages)
  python3 -m venv /opt/venv
  # As `make` installs them; with `cpu`, PyTorch's own build for processors in place of PyPI's, which carries CUDA.
  torch=$(sed -n 's/^TORCH_VERSION := //p' Makefile)
  if [ "${2:-}" = cpu ]; then
    /opt/venv/bin/pip install --quiet "$torch" --index-url https://download.pytorch.org/whl/cpu
  else
    /opt/venv/bin/pip install --quiet "$torch"
  fi
  /opt/venv/bin/pip install --quiet --require-hashes -r requirements.lock
  # Snakemake's plugins for clusters, which the pods of Kubernetes start from here.
  /opt/venv/bin/pip install --quiet --no-deps --require-hashes -r requirements-clusters.lock
  # Models in 4 bits, as the paper tier's.
  /opt/venv/bin/pip install --quiet --no-deps --require-hashes -r requirements-quantised.lock
  ;;
engine)
  /opt/venv/bin/pip install --quiet --no-build-isolation --no-deps --editable .
  /opt/venv/bin/python -m compileall -q rejeu # nobody who runs the image can write here
  # Whoever runs it by another number than ours has a home too, and a place for the study.
  useradd --uid 1000 --home-dir /home/rejeu --create-home rejeu
  mkdir -p /study /workdir
  chmod 1777 /home/rejeu /study /workdir
  ;;
*)
  echo "$0: expected packages or engine, not '$1'" >&2
  exit 2
  ;;
esac

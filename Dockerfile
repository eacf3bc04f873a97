# The engine and all that it needs, by the lock, for studies that are mounted at /study: docs/containers.md.
# Another base does where its `python3` is 3.11 and has venv.
ARG BASE=python:3.11.13-slim-bookworm
FROM ${BASE}

# Packages first: they are the large layer, and change less often than the engine.
ARG TORCH=
COPY Makefile requirements.lock requirements-clusters.lock requirements-quantised.lock /opt/rejeu/
COPY containers/install.sh /opt/rejeu/containers/
RUN sh /opt/rejeu/containers/install.sh packages "${TORCH}"

COPY . /opt/rejeu/
RUN sh /opt/rejeu/containers/install.sh engine

ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME=/home/rejeu USER=rejeu \
    MPLCONFIGDIR=/home/rejeu/.cache/matplotlib
# By its number, from which a cluster sees that it isn't root.
USER 1000:1000
WORKDIR /study
CMD ["rejeu", "--help"]

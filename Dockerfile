# docker build .                        the submission: bratseg with the bundled weights
# docker build --target evaluation .    the evaluator: bratseval, no torch
#
# BASE takes a digest (python@sha256:...) where builds have to be repeatable to the byte.
# TORCH and TORCH_ARGS choose the torch as `make install` does: CPU or CUDA, see README.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

# ---- what needs a compiler and pip; nothing of it but the environments reaches an image
FROM ${BASE} AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY locks/ locks/

FROM builder AS evaluation-packages
RUN python -m venv /opt/brats-harness/env \
 && locks/install /opt/brats-harness/env/bin/python evaluation \
 && locks/slim /opt/brats-harness/env

FROM builder AS submission-packages
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
ARG TORCH=torch==2.13.0
ARG TORCH_ARGS=""
RUN python -m venv /opt/brats-harness/env \
 && locks/install /opt/brats-harness/env/bin/python submission "${TORCH}" ${TORCH_ARGS} \
 && locks/slim /opt/brats-harness/env

# The project by itself, laid out as it will lie inside either environment
FROM builder AS code
# its build backend, from the lock and by hash like everything else
RUN awk '/^[a-z]/ {keep = /^(hatchling|packaging|pathspec|pluggy|trove-classifiers)==/} keep' \
        locks/submission.txt > backend.txt \
 && python -m pip install --quiet --no-deps --require-hashes -r backend.txt
COPY pyproject.toml README.md LICENSE ./
COPY evaluation/ evaluation/
COPY src/ src/
# without the default weights, which have a layer of their own; where the wheel would hold them, a link leads to it
RUN python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . \
 && python -m pip install --quiet --no-deps --target /code/lib/python3.11/site-packages dist/*.whl \
 && rm -rf /code/lib/python3.11/site-packages/bin \
 && ln -s /opt/brats-harness/weights /code/lib/python3.11/site-packages/bratseg/weights/default \
 && chmod -R a+rX /code

# Readable by any user, whatever their modes were on the builder's disk
FROM builder AS weights
COPY weights/ /weights/
RUN chmod -R a+rX /weights

# ---- what both images share. Any user, a read-only root file system and Apptainer: nothing lies in a home, caches go
# to /tmp, and neither the caller's Python packages nor the folder it stands in can be imported.
FROM ${BASE} AS runtime
ENV PATH=/opt/brats-harness/env/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNOUSERSITE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONPATH="" \
    MPLCONFIGDIR=/tmp \
    NUMBA_CACHE_DIR=/tmp \
    TORCHINDUCTOR_CACHE_DIR=/tmp \
    TRITON_CACHE_DIR=/tmp
ARG REVISION=""
LABEL org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /
STOPSIGNAL SIGTERM

FROM runtime AS evaluation
LABEL org.opencontainers.image.title="brats-harness evaluation" \
      org.opencontainers.image.description="Checks, scores and ranks segmentations as BraTS does."
COPY --from=evaluation-packages /opt/brats-harness/env /opt/brats-harness/env
COPY --from=code /code /opt/brats-harness/env
USER 1000:1000
ENTRYPOINT ["/opt/brats-harness/env/bin/python", "-P", "-m", "bratseval.cli"]

FROM runtime AS submission
LABEL org.opencontainers.image.title="brats-harness submission" \
      org.opencontainers.image.description="Segments brain tumours in cases of four modalities, as BraTS asks for."
COPY --from=submission-packages /opt/brats-harness/env /opt/brats-harness/env
COPY --from=weights /weights /opt/brats-harness/weights
COPY --from=code /code /opt/brats-harness/env
USER 1000:1000
ENTRYPOINT ["/opt/brats-harness/env/bin/python", "-P", "-m", "bratseg.entrypoint"]

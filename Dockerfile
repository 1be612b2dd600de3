# Three images of one file:
#   harness    asks, grades, decides and reports; no torch, no compiler
#   converter  the same, llama.cpp's own tools, and torch for the CPU: `quant-triage run` of a small model
#   trainer    the same with torch for CUDA and Unsloth
# Build one with: docker build --target harness --tag quant-triage:harness .
#
# The layers go from what changes least to what changes most: system, engine (compiled, minutes), dependencies,
# torch, our own wheel. Versions repeated here are held equal to pyproject.toml by tests/containers/.

ARG BASE=docker.io/library/debian:12.12-slim@sha256:d5d3f9c23164ea16f31852f95bd5959aad1c5e854332fe00f7b3a20fcc9f635c


# What every image runs on: Debian's Python, OpenMP for the engine, and a user without rights.
FROM ${BASE} AS python
ENV DEBIAN_FRONTEND=noninteractive \
    PATH=/opt/quant-triage/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libgomp1 libstdc++6 python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 triage \
    && useradd --uid 10001 --gid triage --create-home triage \
    && install --directory --owner triage --group triage /models /runs /cache
ENV HF_HOME=/models/hub \
    QUANT_TRIAGE_CACHE=/cache
VOLUME ["/models", "/runs"]
WORKDIR /runs


# The engine, compiled once for every processor since 2013 (AVX2) instead of for the one that builds it.
FROM python AS engine
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*
ARG LLAMA_CPP_PYTHON=0.3.36
ARG CMAKE_ARGS=-DGGML_NATIVE=OFF
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/quant-triage \
    && CMAKE_ARGS="${CMAKE_ARGS}" pip install "llama-cpp-python==${LLAMA_CPP_PYTHON}"


# Our own wheel; built beside the others, so that a change of ours rebuilds nothing but this.
FROM engine AS wheel
COPY . /source
RUN --mount=type=cache,target=/root/.cache/pip \
    pip wheel --no-deps --wheel-dir /wheel /source


# pyproject.toml alone names the versions.
FROM engine AS dependencies
WORKDIR /requirements
COPY pyproject.toml containers/requirements.py ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 requirements.py > core.txt \
    && pip install --requirement core.txt


FROM dependencies AS dependencies-cpu
ARG TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH=2.13.0
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --extra-index-url "${TORCH_CPU_INDEX}" "torch==${TORCH}+cpu"
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 requirements.py train > train.txt \
    && pip install --requirement train.txt


# PyPI's torch brings CUDA's libraries; the driver comes from the host through NVIDIA's container toolkit.
FROM dependencies AS dependencies-cuda
ARG TORCH=2.13.0
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install "torch==${TORCH}"
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 requirements.py train unsloth > train.txt \
    && pip install --requirement train.txt


# llama.cpp's converter and tools, out of the source archive of the same llama-cpp-python.
FROM engine AS llama-cpp
ARG LLAMA_CPP_PYTHON=0.3.36
ARG LLAMA_CPP_SHA256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
WORKDIR /source
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake \
    && rm -rf /var/lib/apt/lists/*
RUN --mount=type=cache,target=/root/.cache/pip \
    pip download --no-deps --no-binary llama-cpp-python "llama-cpp-python==${LLAMA_CPP_PYTHON}" \
    && echo "${LLAMA_CPP_SHA256}  llama_cpp_python-${LLAMA_CPP_PYTHON}.tar.gz" > SHA256SUMS \
    && sha256sum --check SHA256SUMS \
    && tar --extract --strip-components 1 --file "llama_cpp_python-${LLAMA_CPP_PYTHON}.tar.gz"
RUN cmake -S vendor/llama.cpp -B /build -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=OFF -DBUILD_SHARED_LIBS=OFF \
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_UI=OFF \
        -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF \
    && cmake --build /build --parallel --target llama-quantize llama-imatrix llama-perplexity llama-gguf-split \
    && strip /build/bin/llama-*


FROM python AS harness
COPY --from=dependencies /opt/quant-triage /opt/quant-triage
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    pip install --no-deps --no-cache-dir /wheel/*.whl
USER 10001:10001
# The engine's libraries load and every verb can be imported: what a job needs before it reads its models.
HEALTHCHECK --interval=5m --timeout=60s --start-period=30s \
    CMD ["python", "-c", "import llama_cpp, quant_triage.harness.cli; llama_cpp.llama_backend_init()"]
ENTRYPOINT ["quant-triage"]
CMD ["--help"]


FROM python AS converter
COPY --from=dependencies-cpu /opt/quant-triage /opt/quant-triage
COPY --from=llama-cpp /build/bin/llama-quantize /build/bin/llama-imatrix /build/bin/llama-perplexity \
    /build/bin/llama-gguf-split /usr/local/bin/
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    pip install --no-deps --no-cache-dir /wheel/*.whl
USER 10001:10001
RUN --mount=type=bind,from=llama-cpp,source=/source,target=/archive \
    ln -s /archive/llama_cpp_python-*.tar.gz /cache/ \
    && python -c "from quant_triage.quantize import converter_dir; converter_dir()" \
    && rm /cache/*.tar.gz
HEALTHCHECK --interval=5m --timeout=60s --start-period=30s \
    CMD ["python", "-c", "import llama_cpp, torch, quant_triage.harness.cli; llama_cpp.llama_backend_init()"]
ENTRYPOINT ["quant-triage"]
CMD ["--help"]


FROM python AS trainer
# Triton compiles small helpers of its own at run time.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev python3-dev \
    && rm -rf /var/lib/apt/lists/*
COPY --from=dependencies-cuda /opt/quant-triage /opt/quant-triage
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    pip install --no-deps --no-cache-dir /wheel/*.whl
USER 10001:10001
RUN --mount=type=bind,from=llama-cpp,source=/source,target=/archive \
    ln -s /archive/llama_cpp_python-*.tar.gz /cache/ \
    && python -c "from quant_triage.quantize import converter_dir; converter_dir()" \
    && rm /cache/*.tar.gz
# Unsloth's kernels and torch's own compiler do not go together.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_VISIBLE_DEVICES=all \
    TORCH_COMPILE_DISABLE=1 \
    UNSLOTH_DISABLE_STATISTICS=1
HEALTHCHECK --interval=5m --timeout=120s --start-period=60s \
    CMD ["python", "-c", "import torch, quant_triage.harness.cli; assert torch.cuda.is_available()"]
ENTRYPOINT ["quant-triage"]
CMD ["--help"]

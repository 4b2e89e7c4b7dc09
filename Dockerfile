# The service and the bundles that ship with it; nothing of training. Any builder will do, BuildKit or not.

FROM python:3.11-slim-bookworm AS environment

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

RUN python -m venv /opt/venv

# torch first: it is the largest layer by far, and the one that changes least.
# The build may run beside a GPU that the container never gets, so it is for the CPU unless told otherwise.
ARG TORCH_BUILD=cpu
ARG TORCH_INDEX=
WORKDIR /build
COPY pyproject.toml ./
COPY scripts/install_torch.py scripts/
# What goes again is for compiling against torch and for testing it, a quarter of its size. The one program in
# torch/bin that stays is looked for by `import torch`.
RUN /opt/venv/bin/python scripts/install_torch.py \
 && cd /opt/venv/lib/python3*/site-packages/torch \
 && rm -rf include share test \
 && find bin -mindepth 1 ! -name torch_shm_manager -exec rm -rf {} +

# otel instead of service adds OpenTelemetry.
ARG REQUIREMENTS=service
COPY requirements/${REQUIREMENTS}.txt requirements/
RUN /opt/venv/bin/python -m pip install --no-deps -r requirements/${REQUIREMENTS}.txt \
 && /opt/venv/bin/python -m pip check \
 && /opt/venv/bin/python -m pip uninstall --yes pip

# Whoever runs it has to be able to read them, whatever the umask was of who checked them out.
COPY models/ /app/models/
COPY service/ /app/service/
RUN chmod -R a+rX /app


FROM python:3.11-slim-bookworm

LABEL org.opencontainers.image.title="Manytone" \
      org.opencontainers.image.description="Sentiment of reviews in English and Korean over HTTP" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"

RUN groupadd --gid 10001 manytone \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin manytone

COPY --from=environment /opt/venv /opt/venv

WORKDIR /app
COPY --from=environment /app /app

# A root file system that is read-only has no place for bytecode: compile what the service imports now.
RUN /opt/venv/bin/python -m compileall -q service

# SageMaker starts an image by the word `serve`.
RUN printf '#!/bin/sh\nexec gunicorn -c service/gunicorn.conf.py service.wsgi:app\n' >/opt/venv/bin/serve \
 && chmod 755 /opt/venv/bin/serve

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    MODELS_DIR=models

USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM

# http.client rather than urllib, which a proxy in the environment would send elsewhere.
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=3 \
  CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/readyz'); raise SystemExit(c.getresponse().status != 200)"]

CMD ["gunicorn", "-c", "service/gunicorn.conf.py", "service.wsgi:app"]

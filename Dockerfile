# One image for every process; docker-compose.yml gives each its command from the Procfile.
FROM python:3.11-slim AS packages
WORKDIR /srv/vitrine
COPY requirements.txt pyproject.toml ./
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements.txt
# Optional extras of pyproject.toml (deep, spark), comma-separated; what is pinned above stays as it is.
ARG EXTRAS=""
# Where else pip looks for them: PyTorch publishes an index of builds without gigabytes for GPUs.
ARG PIP_EXTRA_INDEX_URL=""
RUN if [ -n "$EXTRAS" ]; then \
        python -c 'import sys, tomllib; \
            known = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
            print(*(one for name in sys.argv[1].split(",") for one in known[name.strip()]), sep="\n")' \
            "$EXTRAS" > extras.txt \
        && /opt/venv/bin/pip freeze > pinned.txt \
        && /opt/venv/bin/pip install --no-cache-dir --constraint pinned.txt --requirement extras.txt; \
    fi

FROM python:3.11-slim
ARG EXTRAS=""
# LightGBM and implicit need OpenMP's runtime, the extra spark needs Java.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 \
        $(case "$EXTRAS" in *spark*) echo default-jre-headless ;; esac) \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home vitrine && install --directory --owner vitrine /var/lib/vitrine
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/vitrine
COPY . .
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    STATIC_ROOT=/srv/static \
    MODEL_DIR=/var/lib/vitrine/models \
    MEDIA_ROOT=/var/lib/vitrine/media \
    AUDIT_KEY_FILE=/var/lib/vitrine/audit/signing.key \
    AUDIT_PUBLISH_TO=/var/lib/vitrine/audit/checkpoints
RUN SECRET_KEY=only-while-building python manage.py collectstatic --no-input
USER vitrine
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--respawn-failed-workers", "--no-ws", "--blocking-threads", "12", "config.wsgi:application"]

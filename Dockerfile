# One image for every process; docker-compose.yml gives each its command from the Procfile.
FROM python:3.11-slim AS packages
WORKDIR /srv/vitrine
COPY requirements.txt .
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements.txt

FROM python:3.11-slim
# LightGBM and implicit need OpenMP's runtime.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home vitrine && install --directory --owner vitrine /var/lib/vitrine
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/vitrine
COPY . .
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    STATIC_ROOT=/srv/static \
    MODEL_DIR=/var/lib/vitrine/models \
    MEDIA_ROOT=/var/lib/vitrine/media
RUN SECRET_KEY=only-while-building python manage.py collectstatic --no-input
USER vitrine
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--respawn-failed-workers", "--no-ws", "config.wsgi:application"]

#!/bin/sh
# PostgreSQL's image runs this once. It makes the app's role, which cannot alter audit rows, and MLflow's role and
# database.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set password="$APP_PASSWORD" --set mlflow="$MLFLOW_PASSWORD" <<'SQL'
CREATE ROLE vitrine_app LOGIN PASSWORD :'password';
CREATE ROLE vitrine_mlflow LOGIN PASSWORD :'mlflow';
CREATE DATABASE mlflow OWNER vitrine_mlflow;
SQL

#!/bin/sh
# Run once by PostgreSQL's image: the role of the running product, which cannot alter audit rows, and MLflow's own role
# and database.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set password="$APP_PASSWORD" --set mlflow="$MLFLOW_PASSWORD" <<'SQL'
CREATE ROLE vitrine_app LOGIN PASSWORD :'password';
CREATE ROLE vitrine_mlflow LOGIN PASSWORD :'mlflow';
CREATE DATABASE mlflow OWNER vitrine_mlflow;
SQL

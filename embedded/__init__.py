"""PostgreSQL, Valkey and Caddy from wheels, under a supervisor: what `make demo` and the tests run on."""

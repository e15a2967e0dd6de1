"""Django's PostgreSQL backend, with the context of ``audit.context`` in every transaction."""

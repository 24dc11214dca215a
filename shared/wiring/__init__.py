"""How a service is put together: connections, application, worker, operations. Used by each service's `app.py` only."""

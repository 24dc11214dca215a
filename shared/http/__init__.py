"""The HTTP door: declared routes, strict parsing, problems, limits, OpenAPI; and how gunicorn runs it."""

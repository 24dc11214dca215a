"""Our one image, and how gunicorn serves an API in it and in the embedded stack."""

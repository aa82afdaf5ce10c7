"""The web process: the Flask app under gunicorn."""

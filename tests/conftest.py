"""Fixtures for every test; the real servers live in ``tests/servers/``, one module each."""

pytest_plugins = [
    "tests.servers.s3",
    "tests.servers.postgres",
    "tests.servers.redis",
    "tests.servers.stack",
]

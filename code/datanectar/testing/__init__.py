"""Tests of chains: a pytest plugin that runs tasks without a server. See ``docs/testing.md``."""

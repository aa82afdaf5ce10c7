"""Tests of what chains of datanectar 0.1 import."""

"""Backfills: a task run for each of many values of its parameters, as far as results are missing."""

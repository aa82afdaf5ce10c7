"""Requests to a bucket: its clients and their errors, uploads and downloads in parts."""

"""Ends the process without a word when it is imported."""

import os

os._exit(0)

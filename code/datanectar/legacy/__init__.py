"""The modules that chains of datanectar 0.1 import, under their old names."""

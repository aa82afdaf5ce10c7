"""``python -m datanectar``: the command line."""

from datanectar.cli.main import main

if __name__ == "__main__":
    main()

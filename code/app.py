"""Serves the API and runs tasks, without luigid, which is started beside it: ``python app.py``.

Every child process loads this file again: what it imports, it imports in ``main`` alone.
"""

import sys

if sys.version_info < (3, 10):
    sys.exit("datanectar needs Python 3.10 or newer; this is %d.%d." % sys.version_info[:2])

if __name__ == "__main__":
    try:
        from datanectar.cli.main import main
    except ModuleNotFoundError as problem:
        sys.exit(
            "datanectar is not installed for %s (%s). In the project's folder: "
            "venv/bin/pip install -r configuration/requirements.txt" % (sys.executable, problem)
        )
    main(["up", "--no-luigid"])

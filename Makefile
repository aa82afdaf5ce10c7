# What people do here. Each target works without make too: it is one line of sh.
# PYTHON=python3.12 names the Python; ARGS is handed on: make test ARGS="-k hello"
.PHONY: up test lint format docs bench build lock release clean help

up: ## start datanectar here: luigid, the app and a worker, under one Ctrl-C
	@sh configuration/up.sh $(ARGS)

test: ## run every check and test; with ARGS the tests alone: ARGS="-m 'not slow'"
	@sh configuration/test.sh $(ARGS)

lint: ## run every check: ruff, mypy, the import contracts
	@sh configuration/lint.sh

format: ## format the code and mend what ruff can mend
	@sh configuration/venv.sh ruff format && sh configuration/venv.sh ruff check --fix

docs: ## write anew what in docs/ is made from the code, and build the guide that the app serves
	@sh configuration/venv.sh python -m tests.docs && sh configuration/venv.sh python -m tests.test_layers
	@sh configuration/docs.sh

bench: ## run the benchmarks, all or some: ARGS="trivial idle"
	@sh configuration/venv.sh python -m benchmarks $(ARGS)

build: ## build a wheel with the guide into dist/
	@sh configuration/docs.sh
	@sh configuration/venv.sh pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

lock: ## write configuration/requirements.lock anew: every version with its hashes
	@sh configuration/lock.sh $(ARGS)

release: ## build what is published into dist/, check it, list its licences and parts (docs/releasing.md)
	@sh configuration/release.sh

clean: ## remove what the tools have made; venv/, results and the app's state stay
	@rm -rf build code/datanectar/guide dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis .sphinx
	@find benchmarks code tests -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

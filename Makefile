# Both work without make too: sh configuration/up.sh, sh configuration/test.sh
# PYTHON=python3.12 names the Python; ARGS is handed on: make test ARGS="-k hello"
.PHONY: up test

up:
	@sh configuration/up.sh $(ARGS)

test:
	@sh configuration/test.sh $(ARGS)

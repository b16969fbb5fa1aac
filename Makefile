# Short names for start.py; `generate` writes all that is generated, as tests/generate.py tells.
PYTHON ?= .venv/bin/python
.PHONY: run test lint generate
run:
	python3 start.py
test:
	python3 start.py test
lint:
	.venv/bin/ruff check . && .venv/bin/ruff format --check .
generate:
	env -u CLIPTTA_LANGUAGE -u CLIPTTA_PLUGINS PYTHONPATH=. $(PYTHON) tests/generate.py

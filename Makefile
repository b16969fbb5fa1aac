# Short names for start.py; `generate` writes all that is generated, as tools/generate.py tells.
PYTHON ?= .venv/bin/python
.PHONY: run test lint generate size
run:
	python3 start.py
test:
	python3 start.py test
lint:
	.venv/bin/ruff check . && .venv/bin/ruff format --check .
generate:
	env -u CLIPTTA_LANGUAGE -u CLIPTTA_PLUGINS $(PYTHON) -m tools.generate
size:
	$(PYTHON) -m tools.size

# Short names for start.py.
.PHONY: run test lint
run:
	python3 start.py
test:
	python3 start.py test
lint:
	.venv/bin/ruff check . && .venv/bin/ruff format --check .

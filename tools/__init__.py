"""What measures and makes, from a checkout: ``python -m tools.NAME``. Stands on the tests' helpers."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

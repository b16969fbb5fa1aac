"""Where the project, its tests, and the data that some tests use lie."""

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
SHARED = ROOT.parent / "shared" / "data"  # not there on a user's machine

"""The page's server with workers that only sleep; started by page_load.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cliptta_demo.web import make_demo, serve

if __name__ == "__main__":
    demo = make_demo()
    from cliptta_demo.page.runs import remote_runs
    from tools.sleeping_worker import run_asleep

    remote_runs.run_here = run_asleep
    serve(demo)

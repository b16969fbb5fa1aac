"""CLIPTTA demo: test-time adaptation of CLIP, live.

``cliptta_demo.backend`` is the engine (no user interface in it), ``cliptta_demo.page`` draws what it yields.
"""

import os

VERSION = "0.1.0"

# Must be set before torch is imported. By default OpenMP's threads wait by spinning; where several visitors, or any
# other program, share the cores, they then steal each other's time: a batch took 40 times as long on two busy cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# No telemetry: the hub's library would tell the hub about this program's surroundings.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

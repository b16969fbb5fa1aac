"""The web page. Run it with ``python app.py`` and open the address that it prints."""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported

import cliptta_demo  # noqa: F401  (sets how OpenMP's threads wait: has to come before torch)

if os.environ.get("SPACES_ZERO_GPU"):  # on ZeroGPU; has to come before torch
    import spaces  # noqa: F401

from cliptta_demo.page import build_demo, launch, load_example

demo = build_demo(load_example())

if __name__ == "__main__":
    launch(demo)

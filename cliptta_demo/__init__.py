"""CLIPTTA demo: test-time adaptation of CLIP, live.

``cliptta_demo.backend`` is the engine (no user interface in it), ``cliptta_demo.page`` draws what it yields.
"""

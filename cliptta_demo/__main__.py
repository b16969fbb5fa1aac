"""``cliptta-demo``, or ``python -m cliptta_demo``: serves the page, or does what the command line says."""

import sys


def main() -> None:
    """Without any argument serves the page; else see :mod:`.cli`."""
    if len(sys.argv) > 1:
        from cliptta_demo import cli

        cli.main()
    else:  # the page has to be made before anything imports torch, as .cli does
        from cliptta_demo.web import make_demo, serve

        serve(make_demo())


if __name__ == "__main__":
    main()

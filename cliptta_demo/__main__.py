"""``cliptta-demo``, or ``python -m cliptta_demo``: serves the page, or does what the command line says."""

import sys

from cliptta_demo.backend.plugins import take_plugins


def main() -> None:
    """Without any word but ``--plugin FILE`` serves the page; else see :mod:`.cli`."""
    if words := take_plugins(sys.argv[1:]):
        from cliptta_demo import cli

        cli.main(words)
    else:  # the page has to be made before anything imports torch, as .cli does
        from cliptta_demo.web import make_demo, serve

        serve(make_demo())


if __name__ == "__main__":
    main()

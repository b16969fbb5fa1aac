"""``python -m cliptta_demo``: the command line of the engine."""

from cliptta_demo.cli import main

if __name__ == "__main__":
    main()

"""Let `python -m edgepose` be the same as `edgepose`."""

from edgepose.cli import main

if __name__ == "__main__":
    main()

"""`python -m vtb`: the same as `vtb`."""

from vtb.cli.app import main

if __name__ == "__main__":
    main()

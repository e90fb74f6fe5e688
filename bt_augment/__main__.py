"""``python -m bt_augment``: the command, where its script is not on the path."""

from bt_augment.cli.main import main

if __name__ == "__main__":
    main()

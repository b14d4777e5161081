"""Exit codes of the command, as docs/exit-codes.md explains them."""

OK, BROKEN, INTERRUPTED, BUG, USAGE, EMPTY = 0, 1, 2, 3, 4, 5

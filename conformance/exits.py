"""Exit codes of the command, as docs/exit-codes.md explains them; 2 is pytest's for an interrupted run."""

OK, BROKEN, BUG, USAGE, EMPTY = 0, 1, 3, 4, 5

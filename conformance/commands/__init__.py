"""The subcommands of `touchstone`, one module for each group."""

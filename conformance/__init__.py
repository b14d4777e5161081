"""The content of Touchstone: the scenarios, the implementations that they judge, and the pytest glue."""

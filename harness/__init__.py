"""The engine of Touchstone: it finds scenarios, runs them in isolation, judges and records them.

Reading order: `scenario` (the words a scenario is written with), `story` (what is observed), `model` (the
values that travel), `catalog` (scenarios read from source), `judge`, `isolate` and `fork` (processes),
`zygote`, `child`, `subject`, `sight`, `picture` and `trace` (the far side, which alone imports torch), `record`.
"""

__version__ = "0.1.0"

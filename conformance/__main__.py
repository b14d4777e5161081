"""`python -m conformance` is the command `touchstone`."""

import sys

from conformance.command import main

sys.exit(main())

"""A backend whose import sets a flag of torch's compiler, and an adapter without it. Far side."""

from __future__ import annotations

import torch._dynamo.config

from mutants.base import healthy

torch._dynamo.config.verbose = not torch._dynamo.config.verbose

backend = healthy()

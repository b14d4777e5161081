"""Found on the path of a mutant's processes: importing torch brings the translator of sources along there."""

import torch.utils.hipify  # noqa: F401 - the sin

"""Ranks: processes that run one step together, as a process group of torch.distributed. Far side.

Knows how they meet. Must not know what they do, nor how they are started.
"""

from __future__ import annotations

import datetime as dt
import os

import torch.distributed

from harness.elsewhere import Rank

#: After so many seconds a rank stops waiting for what another one should have sent.
PATIENCE = dt.timedelta(seconds=40)


def can_meet(device: str) -> bool:
    """Whether there are process groups for tensors on a device."""
    offered = torch.distributed.is_available() and torch.distributed.is_gloo_available()
    return device == "cpu" and offered


def join(rank: Rank) -> None:
    """Make this process one of the ranks; returns when all of them are there."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{rank.meeting}",
        rank=rank.number,
        world_size=rank.world,
        timeout=PATIENCE,
    )

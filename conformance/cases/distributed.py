"""Do the ranks of a process group that each compile a program still compute what they do in eager?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.nn.parallel import DistributedDataParallel

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def reduce_in_place(x: Tensor) -> Tensor:
    """The sum of all ranks, in the argument."""
    dist.all_reduce(x)
    return x * 2


def gather(x: Tensor) -> Tensor:
    """What all ranks have, one below the other."""
    y = x.new_empty(2 * len(x), *x.shape[1:])
    dist.all_gather_into_tensor(y, x * 2)
    return y + 1


def scatter_sum(x: Tensor) -> Tensor:
    """A half of the sum of all ranks."""
    y = x.new_empty(len(x) // 2, *x.shape[1:])
    dist.reduce_scatter_tensor(y, x.sin())
    return y + 1


def broadcast(x: Tensor) -> Tensor:
    """What rank 1 has."""
    y = x * 2
    dist.broadcast(y, 1)
    return y + x


def reduce_later(x: Tensor) -> Tensor:
    """The greatest of all ranks, waited for after something else."""
    y = x.clone()
    work = dist.all_reduce(y, dist.ReduceOp.MAX, async_op=True)
    z = x.cos()
    work.wait()
    return y + z


COLLECTIVES: dict[str, Callable[[Tensor], Tensor]] = {
    "all_reduce": reduce_in_place,
    "all_gather": gather,
    "reduce_scatter": scatter_sum,
    "broadcast": broadcast,
    "asynchronous": reduce_later,
}


@scenario(
    ref="torch.distributed: collectives",
    needs=("distributed",),
    axes={
        "collective": ("all_reduce", "all_gather", "reduce_scatter", "broadcast", "asynchronous")
    },
    expect={
        "collective=all_reduce": """
        change: rank 0 of 2 goes on
        call 1: compiles, mutates argument 0, equals eager
        call 2: reuses, mutates argument 0, equals eager
        call 3: reuses, mutates argument 0, equals eager
        change: rank 1 of 2 goes on
        call 4: compiles, mutates argument 0, equals eager
        call 5: reuses, mutates argument 0, equals eager
        call 6: reuses, mutates argument 0, equals eager
        """,
        "collective=broadcast": """
        change: rank 0 of 2 goes on
        call 1: compiles 2 graphs, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        change: rank 1 of 2 goes on
        call 4: compiles 2 graphs, equals eager
        call 5: reuses, equals eager
        call 6: reuses, equals eager
        """,
        "collective=asynchronous": """
        change: rank 0 of 2 goes on
        call 1: compiles 3 graphs, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        change: rank 1 of 2 goes on
        call 4: compiles 3 graphs, equals eager
        call 5: reuses, equals eager
        call 6: reuses, equals eager
        """,
        "otherwise": """
        change: rank 0 of 2 goes on
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        change: rank 1 of 2 goes on
        call 4: compiles, equals eager
        call 5: reuses, equals eager
        call 6: reuses, equals eager
        """,
    },
)
def collectives_reach_all_ranks(s: Subject) -> None:
    """A compiled program with collectives, such as all_reduce, gives each rank eager's result in each call."""
    s.ranks(communicate, s.axis("collective"))


def communicate(s: Subject, collective: str) -> None:
    """Calls with numbers that are another in each rank."""
    program = s.compile(COLLECTIVES[collective])
    for _ in range(3):
        program(s.randn(4, 3) * (dist.get_rank() + 1))


@scenario(
    ref="torch.distributed: collectives / dynamic shapes",
    needs=("distributed", "dynamic_shapes"),
    expect="""
    change: rank 0 of 2 goes on
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: compiles, equals eager
    call 4: reuses, equals eager
    change: rank 1 of 2 goes on
    call 5: compiles, equals eager
    call 6: compiles, equals eager
    call 7: reuses, equals eager
    call 8: reuses, equals eager
    """,
)
def ranks_see_different_sizes(s: Subject) -> None:
    """Ranks whose sizes vary at different times compile at different times, and still meet in each all_reduce."""
    s.ranks(sum_up)


def total(x: Tensor) -> Tensor:
    """The sum of everything that all ranks have."""
    y = x.sin().sum()
    dist.all_reduce(y)
    return y + x


def sum_up(s: Subject) -> None:
    """Calls with sizes that vary at other times in each rank."""
    program = s.compile(total)
    for sizes in (3, 3), (3, 4), (5, 4), (6, 5):
        program(s.randn(sizes[dist.get_rank()]))


class Net(torch.nn.Module):
    """Three layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = (torch.nn.Linear(width, width) for _ in range(2))
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, width), *wide)

    def forward(self, x: Tensor) -> Tensor:
        """All of them, and a kink."""
        return self.layers(x).relu()  # type: ignore[no-any-return]


@scenario(
    ref="torch.nn.parallel.DistributedDataParallel / torch.compile",
    needs=("distributed",),
    axes={"buckets": ("one", "small")},
    expect="""
    change: rank 0 of 2 goes on
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    parameters: equals eager
    change: rank 1 of 2 goes on
    call 4: compiles, equals eager
    gradients: equals eager
    call 5: reuses, equals eager
    gradients: equals eager
    call 6: reuses, equals eager
    gradients: equals eager
    parameters: equals eager
    """,
)
def replicas_train_alike(s: Subject) -> None:
    """Compiled DistributedDataParallel replicas with different data have eager's synchronised gradients and weights."""
    s.ranks(train, 25.0 if s.axis("buckets") == "one" else 0.5)


def train(s: Subject, bucket: float) -> None:
    """Three steps of training with data that are others in each rank."""
    model = DistributedDataParallel(s.place(Net(8)), bucket_cap_mb=bucket)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    program = s.compile(model)
    for _ in range(3):
        optimizer.zero_grad()
        program(s.randn(3, 4) * (dist.get_rank() + 1)).mean().backward()
        s.note("gradients", [each.grad for each in model.parameters()])
        optimizer.step()
    s.note("parameters", list(model.parameters()))


@scenario(
    ref="torch.nn.parallel.DistributedDataParallel / torch.compile",
    needs=("distributed",),
    expect="""
    change: rank 0 of 2 goes on
    call 1: compiles, equals eager
    own gradients: equals eager
    call 2: reuses, equals eager
    shared gradients: equals eager
    call 3: reuses, equals eager
    own gradients: equals eager
    call 4: reuses, equals eager
    shared gradients: equals eager
    change: rank 1 of 2 goes on
    call 5: compiles, equals eager
    own gradients: equals eager
    call 6: reuses, equals eager
    shared gradients: equals eager
    call 7: reuses, equals eager
    own gradients: equals eager
    call 8: reuses, equals eager
    shared gradients: equals eager
    """,
)
def gradients_are_not_shared_when_told(s: Subject) -> None:
    """Under no_sync, compiled DistributedDataParallel replicas keep their own gradients; afterwards they share them."""
    s.ranks(accumulate)


def accumulate(s: Subject) -> None:
    """Gradients of two batches, shared after the second."""
    model = DistributedDataParallel(s.place(Net(8)))
    program = s.compile(model)
    for _ in range(2):
        with model.no_sync():
            program(s.randn(3, 4) * (dist.get_rank() + 1)).sum().backward()
            s.note("own gradients", [each.grad for each in model.parameters()])
        program(s.randn(3, 4) * (dist.get_rank() + 1)).sum().backward()
        s.note("shared gradients", [each.grad for each in model.parameters()])


def multiply_shards(mesh: DeviceMesh, x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Two products, the first split by columns and the second by rows."""
    columns = DTensor.from_local(first, mesh, [Shard(1)])
    rows = DTensor.from_local(second, mesh, [Shard(0)])
    whole = DTensor.from_local(x, mesh, [Replicate()])
    return ((whole @ columns).relu() @ rows).full_tensor()  # type: ignore[attr-defined, no-any-return]


@scenario(
    ref="torch.distributed.tensor / torch.compile",
    needs=("distributed",),
    expect="""
    change: rank 0 of 2 goes on
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    change: rank 1 of 2 goes on
    call 3: compiles, equals eager
    gradients: equals eager
    call 4: reuses, equals eager
    gradients: equals eager
    """,
)
def sharded_tensors_are_computed_with(s: Subject) -> None:
    """A compiled program on DTensors that are sharded among ranks has eager's results and gradients."""
    s.ranks(compute_shards)


def compute_shards(s: Subject) -> None:
    """Products of shards, which are others in each rank."""
    mesh, own = init_device_mesh(s.device, (2,)), dist.get_rank() + 1
    program = s.compile(lambda *args: multiply_shards(mesh, *args))
    for _ in range(2):
        shards = [(s.randn(*size) * own).requires_grad_() for size in ((4, 3), (3, 2))]
        program(s.randn(2, 4), *shards).square().sum().backward()
        s.note("gradients", [each.grad for each in shards])

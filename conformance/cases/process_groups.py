"""Does compiled code of a rank follow what varies between its calls: the group, the split, weights, a failure?"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def own_group() -> Any:
    """A group of this rank alone."""
    return [dist.new_group([rank]) for rank in range(dist.get_world_size())][dist.get_rank()]


class Total(torch.nn.Module):
    """Reduces over a group."""

    def __init__(self) -> None:
        super().__init__()
        self.group, self.reduction = dist.group.WORLD, dist.ReduceOp.SUM

    def forward(self, x: Tensor) -> Tensor:
        """The sum, or another thing, of what all ranks of the group have."""
        y = x.sin()
        dist.all_reduce(y, self.reduction, group=self.group)
        return y * 2


@scenario(
    ref="torch.distributed: groups",
    needs=("distributed",),
    axes={"varies": ("group", "reduction")},
    expect="""
    change: rank 0 of 2 goes on
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    change: rank 1 of 2 goes on
    call 5: compiles, equals eager
    call 6: compiles, equals eager
    call 7: reuses, equals eager
    call 8: reuses, equals eager
    """,
)
def setting_of_a_sum_varies(s: Subject) -> None:
    """A compiled module's all_reduce is over the group, and a sum or a maximum, as the module says in that call."""
    s.ranks(take_turns, s.axis("varies"))


def take_turns(s: Subject, varies: str) -> None:
    """Over all ranks and over this one alone, or sums and maxima."""
    module, own = s.place(Total()), own_group()
    program = s.compile(module)
    values = (
        [dist.ReduceOp.SUM, dist.ReduceOp.MAX] if varies == "reduction" else [module.group, own]
    )
    for turn in 0, 1, 0, 1:
        setattr(module, varies, values[turn])
        program(s.randn(3) * (dist.get_rank() + 1))


def place_in(x: Tensor, group: Any) -> Tensor:
    """Which of how many."""
    return x * dist.get_world_size(group) + dist.get_rank(group)


@scenario(
    ref="torch.distributed: groups",
    needs=("distributed",),
    expect="""
    change: rank 0 of 2 goes on
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    change: rank 1 of 2 goes on
    call 4: compiles, equals eager
    call 5: compiles, equals eager
    call 6: reuses, equals eager
    """,
)
def rank_is_that_in_the_group(s: Subject) -> None:
    """A compiled program that asks a process group for its rank and size gets those of the group of that call."""
    s.ranks(ask_groups)


def ask_groups(s: Subject) -> None:
    """Ask all ranks' group, and this rank's own."""
    world, own = dist.group.WORLD, own_group()
    program = s.compile(place_in)
    for group in world, own, world:
        program(s.randn(3), group)


def exchange(x: Tensor, give: Sequence[int], take: Sequence[int]) -> Tensor:
    """What the ranks give one another."""
    y = x.new_empty(sum(take))
    dist.all_to_all_single(y, x.sin(), take, give)
    return y + 1


@scenario(
    ref="torch.distributed: collectives / dynamic shapes",
    needs=("distributed", "dynamic_shapes"),
    expect="""
    change: rank 0 of 2 goes on
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: compiles, equals eager
    change: rank 1 of 2 goes on
    call 5: compiles, equals eager
    call 6: compiles, equals eager
    call 7: reuses, equals eager
    call 8: reuses, equals eager
    """,
)
def split_is_that_of_the_call(s: Subject) -> None:
    """A compiled all_to_all_single gives each rank as much as the split sizes of the call say."""
    s.ranks(exchange_parts)


def exchange_parts(s: Subject) -> None:
    """Parts that are others in each call."""
    program = s.compile(exchange)
    for give in (1, 3), (3, 1), (2, 2), (0, 4):
        program(s.randn(4) * (dist.get_rank() + 1), give, (give[dist.get_rank()],) * 2)


class Centred(torch.nn.Module):
    """Keeps a running mean over all ranks."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))
        self.momentum = 0.5

    def forward(self, x: Tensor) -> Tensor:
        """The argument without the mean; the mean is followed in training."""
        if self.training:
            y = x.mean(0)
            dist.all_reduce(y)
            self.mean.lerp_(y / dist.get_world_size(), self.momentum)
        return x - self.mean


@scenario(
    ref="torch.distributed: collectives / modules",
    needs=("distributed",),
    expect="""
    change: rank 0 of 2 goes on
    call 1: compiles, equals eager
    mean: equals eager
    call 2: reuses, equals eager
    mean: equals eager
    call 3: compiles, equals eager
    mean: equals eager
    call 4: compiles, equals eager
    mean: equals eager
    call 5: reuses, equals eager
    mean: equals eager
    change: rank 1 of 2 goes on
    call 6: compiles, equals eager
    mean: equals eager
    call 7: reuses, equals eager
    mean: equals eager
    call 8: compiles, equals eager
    mean: equals eager
    call 9: compiles, equals eager
    mean: equals eager
    call 10: reuses, equals eager
    mean: equals eager
    """,
)
def running_mean_is_that_of_all_ranks(s: Subject) -> None:
    """A compiled module's running mean over all ranks is eager's in each rank, also if its momentum or mode changes."""
    s.ranks(follow_mean)


def follow_mean(s: Subject) -> None:
    """Steps of training, with another momentum, and evaluation."""
    module = s.place(Centred())
    program = s.compile(module)
    for momentum, training in (0.5, True), (0.5, True), (0.1, True), (0.1, False), (0.5, True):
        module.momentum = momentum
        module.train(training)
        program(s.randn(4, 3) * (dist.get_rank() + 1))
        s.note("mean", module.mean)


def reduce_or_fail(x: Tensor, group: Any, early: bool) -> Tensor:  # noqa: FBT001 - which of two places is the point
    """The sum of all ranks; negative numbers are refused before or after it."""
    y = x * 2
    if early and x.sum() < 0:
        raise ValueError("negative before the sum")
    dist.all_reduce(y, group=group)
    if x.sum() < 0:
        raise ValueError("negative after the sum")
    return y + 1


@scenario(
    ref="torch.distributed: collectives / errors",
    needs=("distributed",),
    axes={"raised": ("before the sum", "after the sum")},
    expect={
        "raised=before the sum": """
        change: rank 0 of 2 goes on
        call 1: compiles 3 graphs, equals eager
        call 2: compiles, raises RuntimeError, equals eager
        call 3: reuses, equals eager
        change: rank 1 of 2 goes on
        call 4: compiles 3 graphs, equals eager
        call 5: reuses, raises ValueError, equals eager
        call 6: reuses, equals eager
        """,
        "otherwise": """
        change: rank 0 of 2 goes on
        call 1: compiles 2 graphs, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        change: rank 1 of 2 goes on
        call 4: compiles 2 graphs, equals eager
        call 5: reuses, raises ValueError, equals eager
        call 6: reuses, equals eager
        """,
    },
)
def exception_stays_in_its_rank(s: Subject) -> None:
    """An exception in one rank's compiled program reaches its own caller, and the other rank goes on as in eager."""
    s.ranks(fail_in_one, s.axis("raised") == "before the sum")


def fail_in_one(s: Subject, early: bool) -> None:  # noqa: FBT001 - which of two places is the point
    """Calls in one of which rank 1 fails; afterwards all meet again."""
    program, world = s.compile(reduce_or_fail), dist.group.WORLD
    program(s.ones(3), world, early)
    dist.barrier()
    impatient = dist.new_group([0, 1], timeout=dt.timedelta(seconds=2))
    given = s.ones(3) * (-1 if dist.get_rank() else 1)
    s.attempt(program, given, impatient if early else world, early)
    dist.barrier()
    program(s.ones(3) * 2, world, early)


class Block(torch.nn.Module):
    """One linear layer and a kink."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(given, made)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        return self.linear(x).tanh()  # type: ignore[no-any-return]


class Net(torch.nn.Module):
    """Two blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Block(4, 6), Block(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        """One after the other."""
        return self.second(self.first(x) * 2)  # type: ignore[no-any-return]


@scenario(
    ref="torch.distributed.fsdp.fully_shard",
    needs=("distributed",),
    expect="""
    change: rank 0 of 2 goes on
    call 1: compiles 3 graphs, equals eager
    shards of gradients: equals eager
    call 2: reuses, equals eager
    shards of gradients: equals eager
    call 3: reuses, equals eager
    shards of gradients: equals eager
    parameters: equals eager
    change: rank 1 of 2 goes on
    call 4: compiles 3 graphs, equals eager
    shards of gradients: equals eager
    call 5: reuses, equals eager
    shards of gradients: equals eager
    call 6: reuses, equals eager
    shards of gradients: equals eager
    parameters: equals eager
    """,
)
def sharded_module_trains(s: Subject) -> None:
    """A module whose parameters fully_shard spreads over ranks has eager's gradients and weights when compiled."""
    s.ranks(train_sharded)


def train_sharded(s: Subject) -> None:
    """Steps of training with data that are others in each rank."""
    mesh, model = init_device_mesh(s.device, (2,)), s.place(Net())
    for each in model.first, model.second, model:
        fully_shard(each, mesh=mesh)
    shards: list[Any] = [*model.parameters()]
    optimizer = torch.optim.SGD(shards, lr=0.1)
    program = s.compile(model)
    for _ in range(3):
        optimizer.zero_grad()
        program(s.randn(3, 4) * (dist.get_rank() + 1)).square().sum().backward()
        s.note("shards of gradients", [each.grad.to_local() for each in shards])
        optimizer.step()
    s.note("parameters", [each.full_tensor() for each in shards])

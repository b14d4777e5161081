"""Do compiled steps of optimisers leave the parameters that eager leaves, whatever changes between steps?"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import SGD, Adam

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from torch.optim import Optimizer

    Make = Callable[[list[Tensor]], Optimizer]

#: An optimiser of each rule, with settings under which every step depends on the steps before it.
RULES: dict[str, Make] = {
    "SGD": lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "Adam": lambda p: Adam(p, lr=0.1, amsgrad=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.1, maximize=True),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=0.1),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=0.1, betas=(0.9, 0.8)),
    "Adamax": lambda p: torch.optim.Adamax(p, lr=0.1),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.1),
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=0.1),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.1, momentum=0.9, centered=True),
    "Rprop": lambda p: torch.optim.Rprop(p, lr=0.1),
    "ASGD": lambda p: torch.optim.ASGD(p, lr=0.1, t0=1),
}


def leaves_of(s: Subject, *sizes: int) -> list[Tensor]:
    """Vectors that need gradients, of the given sizes."""
    return [s.randn(size).requires_grad_() for size in sizes]


def differentiate(s: Subject, leaves: list[Tensor]) -> None:
    """Give each leaf a new gradient."""
    for leaf in leaves:
        leaf.grad = s.randn(*leaf.shape)


def take(s: Subject, step: Callable[[], object], leaves: list[Tensor]) -> None:
    """Take one step with new gradients, and note the parameters."""
    differentiate(s, leaves)
    step()
    s.note("parameters", leaves)


def memory(optimiser: Optimizer) -> list[Any]:
    """What an optimiser remembers of each parameter that it has stepped, as it is now."""
    return copy.deepcopy(list(optimiser.state.values()))


@scenario(
    ref="torch.optim / compiled optimisers",
    axes={
        "rule": (
            "SGD",
            "Adam",
            "AdamW",
            "NAdam",
            "RAdam",
            "Adamax",
            "Adagrad",
            "Adadelta",
            "RMSprop",
            "Rprop",
            "ASGD",
        )
    },
    expect={
        "rule=SGD": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        calls 3-5: reuses, equals eager
        parameters and memory after each step: equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        calls 2-5: reuses, equals eager
        parameters and memory after each step: equals eager
        """,
    },
)
def parameters_are_stepped(s: Subject) -> None:
    """A compiled optimiser step leaves eager's parameters and optimiser state, step after step, for each rule."""
    leaves, steps = leaves_of(s, 3), []
    optimiser = RULES[s.axis("rule")](leaves)
    step = s.compile(optimiser.step)
    for _ in range(5):
        differentiate(s, leaves)
        step()
        steps.append((copy.deepcopy(leaves), memory(optimiser)))
    s.note("parameters and memory after each step", steps)


@scenario(
    ref="torch.optim / compiled optimisers",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    parameters after each step: equals eager
    """,
)
def tensors_are_stepped_together(s: Subject) -> None:
    """A foreach step of many parameters leaves eager's values in each, empty and transposed ones included."""
    leaves, steps = [*leaves_of(s, 3, 0, 4), s.randn(2, 2).t().requires_grad_()], []
    optimiser = SGD(leaves, lr=0.1, weight_decay=0.1, momentum=0.5, foreach=True)
    step = s.compile(optimiser.step)
    for _ in range(3):
        differentiate(s, leaves)
        step()
        steps.append(copy.deepcopy(leaves))
    s.note("parameters after each step", steps)


@scenario(
    ref="torch.optim / compiled optimisers",
    axes={"rule": ("RMSprop", "Adam")},
    expect="""
    call 1: compiles, equals eager
    calls 2-3: reuses, equals eager
    parameters and memory after each step: equals eager
    """,
)
def dtypes_are_stepped_together(s: Subject) -> None:
    """Parameters of several dtypes in one foreach step each keep their dtype, and its precision."""
    dtypes = torch.float64, torch.float32, torch.float64
    leaves, steps = [s.randn(3, dtype=dtype).requires_grad_() for dtype in dtypes], []
    optimiser = getattr(torch.optim, s.axis("rule"))(leaves, lr=0.1, foreach=True)
    step = s.compile(optimiser.step)
    for _ in range(3):
        for leaf in leaves:
            leaf.grad = s.randn(3, dtype=leaf.dtype)
        step()
        steps.append((copy.deepcopy(leaves), memory(optimiser)))
    s.note("parameters and memory after each step", steps)


def scheduled(s: Subject, rate: Any) -> None:
    """Take steps whose rate is halved after each."""
    leaves, steps = leaves_of(s, 3), []
    optimiser = SGD(leaves, lr=rate)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, gamma=0.5)
    step = s.compile(optimiser.step)
    for _ in range(5):
        differentiate(s, leaves)
        step()
        steps.append(copy.deepcopy(leaves))
        schedule.step()
    s.note("parameters after each step", steps)


@scenario(
    ref="torch.compiler: recompilation / wrapping constants with tensors",
    tiers={"compiles": "may: a rate that is a number may be compiled for, at each of its values"},
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    calls 3-5: reuses, equals eager
    parameters after each step: equals eager
    """,
)
def learning_rate_is_scheduled(s: Subject) -> None:
    """Each compiled step uses the learning rate that the scheduler has set by then."""
    scheduled(s, 1.0)


@scenario(
    ref="torch.compiler: recompilation / wrapping constants with tensors",
    expect="""
    call 1: compiles, equals eager
    calls 2-5: reuses, equals eager
    parameters after each step: equals eager
    """,
)
def learning_rate_is_a_tensor(s: Subject) -> None:
    """Where the learning rate is a tensor, a scheduler costs no further compilation."""
    scheduled(s, s.full((), 1.0))


@scenario(
    ref="torch.optim / per-parameter options",
    expect="""
    change: dampening is set to 0.5
    call 1: compiles, equals eager
    parameters: equals eager
    change: momentum is set to 0.9
    call 2: compiles, equals eager
    parameters: equals eager
    change: weight_decay is set to 0.5
    call 3: compiles, equals eager
    parameters: equals eager
    change: maximize is set to True
    call 4: compiles, equals eager
    parameters: equals eager
    change: weight_decay is set to 0
    call 5: compiles, equals eager
    parameters: equals eager
    """,
)
def settings_are_changed(s: Subject) -> None:
    """A compiled step obeys the settings that its parameter group has at the time of the call."""
    leaves = leaves_of(s, 3)
    optimiser = SGD(leaves, lr=0.1, momentum=0.5)
    step, group = s.compile(optimiser.step), optimiser.param_groups[0]
    for name, value in (
        ("dampening", 0.5),
        ("momentum", 0.9),
        ("weight_decay", 0.5),
        ("maximize", True),
        ("weight_decay", 0),
    ):
        s.change(f"{name} is set to {value}")
        group[name] = value
        take(s, step, leaves)


@scenario(
    ref="torch.optim / per-parameter options",
    expect="""
    call 1: compiles, equals eager
    parameters: equals eager
    call 2: reuses, equals eager
    parameters: equals eager
    change: a group is added
    call 3: compiles, equals eager
    parameters: equals eager
    call 4: reuses, equals eager
    parameters: equals eager
    """,
)
def group_is_added(s: Subject) -> None:
    """Parameters of a group that is added between steps are stepped from then on, with settings of their own."""
    leaves, more = leaves_of(s, 3), leaves_of(s, 2)
    optimiser = SGD(leaves, lr=0.1)
    step = s.compile(optimiser.step)
    take(s, step, leaves + more)
    take(s, step, leaves + more)
    s.change("a group is added")
    optimiser.add_param_group({"params": more, "lr": 1.0, "weight_decay": 0.5})
    take(s, step, leaves + more)
    take(s, step, leaves + more)


@scenario(
    ref="torch.optim / per-parameter options",
    expect="""
    call 1: compiles, equals eager
    parameters: equals eager
    change: the second parameter is replaced
    call 2: compiles, equals eager
    parameters: equals eager
    change: all parameters are replaced
    call 3: compiles, equals eager
    parameters: equals eager
    """,
)
def parameter_is_replaced(s: Subject) -> None:
    """A parameter that takes the place of another in its parameter group is the one that is stepped."""
    leaves, others = leaves_of(s, 3, 3), leaves_of(s, 3, 3)
    optimiser = SGD(leaves, lr=0.1)
    step, group = s.compile(optimiser.step), optimiser.param_groups[0]
    take(s, step, leaves + others)
    s.change("the second parameter is replaced")
    group["params"][1] = others[1]
    take(s, step, leaves + others)
    s.change("all parameters are replaced")
    group["params"] = others
    take(s, step, leaves + others)


@scenario(
    ref="torch.optim.Optimizer.load_state_dict / between steps",
    expect="""
    call 1: compiles, equals eager
    parameters: equals eager
    call 2: reuses, equals eager
    parameters: equals eager
    change: the state of another optimiser is loaded
    call 3: compiles, equals eager
    parameters: equals eager
    call 4: reuses, equals eager
    parameters: equals eager
    memory: equals eager
    """,
)
def state_is_loaded(s: Subject) -> None:
    """After load_state_dict, steps go on from the loaded state: its moments, its number of steps, its settings."""
    leaves, others = leaves_of(s, 3), leaves_of(s, 3)
    optimiser, source = Adam(leaves, lr=0.1), Adam(others, lr=0.3, betas=(0.5, 0.5))
    step = s.compile(optimiser.step)
    for _ in range(2):
        take(s, step, leaves)
    differentiate(s, others)
    source.step()
    s.change("the state of another optimiser is loaded")
    optimiser.load_state_dict(source.state_dict())
    for _ in range(2):
        take(s, step, leaves)
    s.note("memory", (memory(optimiser), memory(source)))


@scenario(
    ref="torch.optim / compiled optimisers",
    expect="""
    call 1: compiles, equals eager
    parameters: equals eager
    call 2: compiles, equals eager
    parameters: equals eager
    change: the moment is set to zero, in place
    call 3: reuses, equals eager
    parameters: equals eager
    change: it is another tensor
    call 4: compiles, equals eager
    parameters: equals eager
    change: all is forgotten
    call 5: compiles, equals eager
    parameters: equals eager
    """,
)
def memory_is_changed(s: Subject) -> None:
    """An optimiser's state that is written in place, replaced or cleared between steps counts in the next step."""
    leaves = leaves_of(s, 3)
    optimiser = SGD(leaves, lr=0.1, momentum=0.9)
    step, state = s.compile(optimiser.step), optimiser.state
    for _ in range(2):
        take(s, step, leaves)
    s.change("the moment is set to zero, in place")
    state[leaves[0]]["momentum_buffer"].zero_()
    take(s, step, leaves)
    s.change("it is another tensor")
    state[leaves[0]]["momentum_buffer"] = s.ones(3)
    take(s, step, leaves)
    s.change("all is forgotten")
    state.clear()
    take(s, step, leaves)


@scenario(
    ref="torch.optim.Optimizer.zero_grad / parameters without gradients",
    expect="""
    change: parameters without gradients are []
    call 1: compiles, equals eager
    parameters: equals eager
    change: parameters without gradients are [0]
    call 2: compiles, equals eager
    parameters: equals eager
    change: parameters without gradients are [1]
    call 3: compiles, equals eager
    parameters: equals eager
    change: parameters without gradients are [0, 1]
    call 4: compiles no graphs, equals eager
    parameters: equals eager
    change: parameters without gradients are []
    call 5: compiles, equals eager
    parameters: equals eager
    change: gradients are zero
    call 6: reuses, equals eager
    parameters: equals eager
    """,
)
def some_have_no_gradient(s: Subject) -> None:
    """A parameter whose .grad is None is left alone in that step; one whose gradient is zero is stepped."""
    leaves = leaves_of(s, 3, 3)
    optimiser = SGD(leaves, lr=0.1, momentum=0.9)
    step = s.compile(optimiser.step)
    for without in (), (0,), (1,), (0, 1), ():
        s.change(f"parameters without gradients are {list(without)}")
        differentiate(s, leaves)
        for number in without:
            leaves[number].grad = None
        step()
        s.note("parameters", leaves)
    s.change("gradients are zero")
    optimiser.zero_grad(set_to_none=False)
    step()
    s.note("parameters", leaves)


@scenario(
    ref="torch.optim / compiled optimisers",
    expect="""
    call 1: compiles, equals eager
    parameters and gradients: equals eager
    call 2: compiles, equals eager
    parameters and gradients: equals eager
    call 3: compiles, equals eager
    parameters and gradients: equals eager
    call 4: reuses, equals eager
    parameters and gradients: equals eager
    call 5: reuses, equals eager
    parameters and gradients: equals eager
    """,
)
def optimisers_take_turns(s: Subject) -> None:
    """A program whose variable holds another optimiser in each call steps that, and clears its gradients alone."""
    leaves = leaves_of(s, 3, 3, 3)
    rates = 0.1, 0.1, 0.5
    optimisers = [SGD([leaf], lr=rate) for leaf, rate in zip(leaves, rates, strict=True)]
    turn = [optimisers[0]]

    def step() -> None:
        turn[0].step()
        turn[0].zero_grad()

    program = s.compile(step)
    for number in 0, 1, 2, 0, 1:
        turn[0] = optimisers[number]
        differentiate(s, leaves)
        program()
        s.note("parameters and gradients", [(leaf, leaf.grad) for leaf in leaves])

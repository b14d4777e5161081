"""Do layers and losses in compiled code do what they do in eager: losses, RNNs, embeddings, BatchNorm, resizing?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@scenario(
    ref="torch.nn.functional.cross_entropy / in compiled code",
    axes={"reduction": ("mean", "sum", "none")},
    expect="""
    call 1: compiles, equals eager
    gradient: equals eager
    call 2: reuses, equals eager
    gradient: equals eager
    call 3: reuses, equals eager
    gradient: equals eager
    """,
)
def targets_are_ignored(s: Subject) -> None:
    """A cross-entropy loss leaves out the targets equal to ignore_index, be they some, none, or all of them."""
    weight, reduction = s.rand(4), s.axis("reduction")
    program = s.compile(
        lambda x, y: functional.cross_entropy(x, y, weight, ignore_index=3, reduction=reduction)
    )
    for modulus, shift in (4, 0), (3, 0), (1, 3):
        x, y = s.randn(5, 4).requires_grad_(), (s.arange(5) % modulus + shift).long()
        program(x, y).sum().backward()
        s.note("gradient", x.grad)


@scenario(
    ref="torch.nn.functional.cross_entropy / in compiled code",
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: compiles, equals eager
    gradients: equals eager
    call 3: compiles, equals eager
    gradients: equals eager
    call 4: reuses, equals eager
    gradients: equals eager
    """,
)
def targets_are_classes_or_probabilities(s: Subject) -> None:
    """The target of a cross-entropy loss is taken for classes or for probabilities by its dtype, in each call anew."""
    program = s.compile(lambda x, y, n: functional.cross_entropy(x, y, label_smoothing=n))
    classes = (s.arange(4) % 3).long()
    for target, smoothing in (
        (classes, 0.0),
        (s.rand(4, 3).softmax(1).requires_grad_(), 0.0),
        (classes.flip(0), 0.5),
        (classes, 0.5),
    ):
        x = s.randn(4, 3).requires_grad_()
        program(x, target, smoothing).backward()
        s.note("gradients", (x.grad, target.grad))


@scenario(
    ref="torch.nn.functional.cross_entropy / in compiled code",
    axes={"dtype": ("uint8", "int64")},
    expect="""
    call 1: compiles, equals eager
    gradient: equals eager
    call 2: reuses, equals eager
    gradient: equals eager
    """,
)
def classes_are_of_another_dtype(s: Subject) -> None:
    """A cross-entropy loss takes class targets in the integer dtypes in which eager takes them."""
    program = s.compile(functional.cross_entropy)
    for shift in 0, 1:
        x = s.randn(4, 3).requires_grad_()
        program(x, ((s.arange(4) + shift) % 3).to(getattr(torch, s.axis("dtype")))).backward()
        s.note("gradient", x.grad)


#: Losses of two tensors of numbers between 0 and 1.
LOSSES: dict[str, Callable[..., Tensor]] = {
    "l1": functional.l1_loss,
    "squares": functional.mse_loss,
    "huber": functional.huber_loss,
    "smooth": functional.smooth_l1_loss,
    "entropy": functional.binary_cross_entropy,
    "logits": functional.binary_cross_entropy_with_logits,
    "divergence": functional.kl_div,
    "poisson": functional.poisson_nll_loss,
}


@scenario(
    ref="torch.nn.functional / losses in compiled code",
    axes={
        "loss": (
            "l1",
            "squares",
            "huber",
            "smooth",
            "entropy",
            "logits",
            "divergence",
            "poisson",
        )
    },
    expect="""
    calls 1-3: compiles, equals eager
    call 4: reuses, equals eager
    """,
)
def losses_are_reduced(s: Subject) -> None:
    """A loss that is evaluated without gradients is averaged, summed or not reduced, as its call says."""
    program = s.compile(LOSSES[s.axis("loss")])
    for reduction in "mean", "sum", "none", "mean":
        program(s.rand(2, 3), s.rand(2, 3), reduction=reduction)


#: Layers that remember.
CELLS: dict[str, Callable[[], nn.Module]] = {
    "LSTM": lambda: nn.LSTM(3, 2, num_layers=2, bidirectional=True, batch_first=True),
    "GRU": lambda: nn.GRU(3, 2, num_layers=2),
    "RNN": lambda: nn.RNN(3, 2, nonlinearity="relu"),
}


@scenario(
    ref="torch.nn.LSTM / in compiled code",
    axes={"layer": ("LSTM", "GRU", "RNN"), "allowed": (False, True)},
    needs=("dynamo_config",),
    expect={
        "allowed=True": """
        call 1: compiles, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        gradients: equals eager
        """,
        # Since torch 2.15 the operations beside the layer are compiled.
        "allowed=False, torch>=2.15": """
        call 1: compiles 2 graphs, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        call 4: reuses, equals eager
        gradients: equals eager
        """,
        "otherwise": """
        calls 1-4: runs uncompiled, equals eager
        gradients: equals eager
        """,
    },
)
def layer_remembers(s: Subject) -> None:
    """An LSTM, GRU or RNN goes on from the hidden state that it is given, with allow_rnn or without it."""
    s.config(allow_rnn=s.axis("allowed"))
    layer = s.place(CELLS[s.axis("layer")]())

    def program(x: Tensor, memory: Any) -> Any:
        y, memory = layer(x * 2, memory)
        return y.tanh(), memory

    compiled, memory = s.compile(program), None
    for _ in range(4):
        y, memory = compiled(s.randn(2, 2, 3), memory)
        y.square().sum().backward(retain_graph=True)
    s.note("gradients", [each.grad for each in layer.parameters()])


@scenario(
    ref="torch.nn.utils.rnn.pack_padded_sequence / in compiled code",
    tiers={"compiles": "may: lengths are numbers that a program reads from a tensor"},
    expect={
        "torch<2.15": """
        call 1: compiles, equals eager
        call 2: reuses, equals eager
        call 3: reuses, equals eager
        """,
        "otherwise": """
        call 1: compiles 2 graphs, equals eager
        call 2: compiles, equals eager
        call 3: reuses, equals eager
        """,
    },
)
def sequences_are_packed(s: Subject) -> None:
    """Packed sequences of several lengths end, in a GRU, where the lengths of the call say."""
    layer = s.place(nn.GRU(2, 2, batch_first=True))

    def program(x: Tensor, lengths: Tensor) -> Any:
        packed = pack_padded_sequence(x.sin(), lengths, batch_first=True, enforce_sorted=False)
        y, last = layer(packed)
        return pad_packed_sequence(y, batch_first=True)[0] * 2, last

    compiled = s.compile(program)
    for lengths in (1, 4, 2), (3, 3, 3), (1, 1, 2):
        compiled(s.randn(3, 4, 2), torch.tensor(lengths))


@scenario(
    ref="torch.nn.Embedding / in compiled code",
    axes={"kind": ("padding", "frequency")},
    expect="""
    call 1: compiles, equals eager
    gradient: equals eager
    call 2: reuses, equals eager
    gradient: equals eager
    call 3: compiles, equals eager
    gradient: equals eager
    call 4: compiles, equals eager
    gradient: equals eager
    """,
)
def words_are_looked_up(s: Subject) -> None:
    """An Embedding gives padding_idx no gradient, and scales gradients by frequency with scale_grad_by_freq."""
    settings: dict[str, Any] = {"padding_idx": 1}
    if s.axis("kind") == "frequency":
        settings = {"scale_grad_by_freq": True}
    layer = s.place(nn.Embedding(4, 2, **settings))
    program = s.compile(layer)
    lists: list[list[list[int]]] = [[[0, 1, 1, 3]], [[2, 1, 2, 2]], [[1, 1], [2, 2]], [[], []]]
    for words in lists:
        program(torch.tensor(words, dtype=torch.int64, device=s.device)).square().sum().backward()
        s.note("gradient", layer.weight.grad)


@scenario(
    ref="torch.nn.Embedding / in compiled code",
    expect="""
    call 1: compiles, equals eager
    weights: equals eager
    call 2: reuses, equals eager
    weights: equals eager
    call 3: reuses, equals eager
    weights: equals eager
    """,
)
def looked_up_weights_are_shortened(s: Subject) -> None:
    """An Embedding with max_norm shortens in place the rows that are looked up and too long, and no others."""
    layer = s.place(nn.Embedding(4, 2, max_norm=1.0))
    program = s.compile(lambda words: layer(words) * 2)
    with torch.no_grad():
        layer.weight.mul_(10)
        for words in [0, 0], [1, 3], [0, 1]:
            program(torch.tensor(words, device=s.device))
            s.note("weights", layer.weight)
            layer.weight[0].mul_(3)


@scenario(
    ref="torch.nn.EmbeddingBag / in compiled code",
    axes={"mode": ("sum", "mean", "max")},
    expect="""
    call 1: compiles, equals eager
    gradient: equals eager
    call 2: reuses, equals eager
    gradient: equals eager
    call 3: reuses, equals eager
    gradient: equals eager
    """,
)
def words_are_put_into_bags(s: Subject) -> None:
    """An EmbeddingBag reduces (sum, mean, max) bag by bag as the offsets of the call say, empty bags included."""
    layer = s.place(nn.EmbeddingBag(5, 2, mode=s.axis("mode"), padding_idx=4))
    program = s.compile(layer)
    for words, places in ([0, 1, 2, 2], [0, 3]), ([3, 4, 0, 1], [0, 0]), ([4, 4, 4, 1], [0, 3]):
        given = (torch.tensor(each, device=s.device) for each in (words, places))
        program(*given).square().sum().backward()
        s.note("gradient", layer.weight.grad)


@scenario(
    ref="torch.nn.BatchNorm1d / in compiled code",
    tiers={"compiles": "may: a layer that reads how many batches it has seen may run as it is"},
    expect="""
    change: the momentum is 0.5
    call 1: compiles, equals eager
    statistics: equals eager
    change: the momentum is 0.1
    call 2: compiles, equals eager
    statistics: equals eager
    change: the momentum is None
    call 3: compiles no graphs, equals eager
    statistics: equals eager
    change: the momentum is 0.5
    call 4: reuses, equals eager
    statistics: equals eager
    """,
)
def momentum_is_changed(s: Subject) -> None:
    """BatchNorm's running statistics move by the momentum of the time, or average all batches where it is None."""
    layer = s.place(nn.BatchNorm1d(2))
    program = s.compile(layer)
    for momentum in 0.5, 0.1, None, 0.5:
        s.change(f"the momentum is {momentum}")
        layer.momentum = momentum
        program(s.randn(4, 2) + 1)
        s.note("statistics", dict(layer.named_buffers()))


@scenario(
    ref="torch.nn.BatchNorm1d / in compiled code",
    expect="""
    call 1: compiles, equals eager
    change: statistics are reset
    call 2: reuses, equals eager
    change: they are not tracked
    call 3: compiles, equals eager
    change: there are none, in evaluation
    call 4: compiles, equals eager
    statistics: equals eager
    """,
)
def statistics_are_dropped(s: Subject) -> None:
    """A BatchNorm whose running statistics are reset, untracked or removed uses and updates what eager does."""
    layer: Any = s.place(nn.BatchNorm1d(2))
    program = s.compile(layer)
    program(s.randn(4, 2))
    s.change("statistics are reset")
    layer.reset_running_stats()
    program(s.randn(4, 2) + 1)
    s.change("they are not tracked")
    layer.track_running_stats = False
    program(s.randn(4, 2) + 2)
    s.change("there are none, in evaluation")
    layer.eval()
    layer.running_mean = layer.running_var = None
    program(s.randn(4, 2) + 3)
    s.note("statistics", dict(layer.named_buffers()))


#: How a picture is resized.
RESIZES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "nearest": lambda x, n: functional.interpolate(x, size=(n, 3)),
    "exact": lambda x, n: functional.interpolate(x, scale_factor=n / 4, mode="nearest-exact"),
    "bilinear": lambda x, n: functional.interpolate(x, size=(3, n), mode="bilinear"),
    "corners": lambda x, n: functional.interpolate(
        x, size=(n, 3), mode="bilinear", align_corners=True
    ),
    "antialias": lambda x, n: functional.interpolate(
        x, size=(n, 2), mode="bilinear", antialias=True
    ),
    "area": lambda x, n: functional.interpolate(x, size=(n, n), mode="area"),
    "pooled": lambda x, n: functional.adaptive_max_pool2d(x, (n, 2)),
}


@scenario(
    ref="torch.nn.functional.interpolate / in compiled code",
    axes={
        "way": ("nearest", "exact", "bilinear", "corners", "antialias", "area", "pooled"),
    },
    needs=("dynamic_shapes",),
    expect={
        "way=exact|pooled": """
        call 1: compiles, equals eager
        gradient: equals eager
        call 2: compiles, equals eager
        gradient: equals eager
        call 3: compiles, equals eager
        gradient: equals eager
        call 4: compiles, equals eager
        gradient: equals eager
        """,
        "otherwise": """
        call 1: compiles, equals eager
        gradient: equals eager
        call 2: compiles, equals eager
        gradient: equals eager
        call 3: reuses, equals eager
        gradient: equals eager
        call 4: reuses, equals eager
        gradient: equals eager
        """,
    },
)
def pictures_are_resized(s: Subject) -> None:
    """Interpolation and adaptive pooling have eager's values and gradients at the output size of each call."""
    program = s.compile(RESIZES[s.axis("way")])
    for height, size in (5, 3), (4, 6), (6, 5), (2, 2):
        x = s.randn(1, 2, height, 4).requires_grad_()
        program(x, size).square().sum().backward()
        s.note("gradient", x.grad)


@scenario(
    ref="torch.nn.functional.interpolate / in compiled code",
    axes={"mode": ("nearest", "bilinear")},
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, raises RuntimeError, equals eager
    call 3: reuses, equals eager
    """,
)
def picture_of_no_size_is_refused(s: Subject) -> None:
    """Interpolation to an output of size 0 is refused as in eager, and the next call works."""
    mode = s.axis("mode")
    program = s.compile(
        lambda x, factor: functional.interpolate(x, scale_factor=factor, mode=mode), dynamic=False
    )
    for factor in 0.5, 0.25, 0.5:
        s.attempt(program, s.randn(1, 1, 2, 4), factor)

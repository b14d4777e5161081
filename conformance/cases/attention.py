"""Does attention in compiled code obey the mask, the scale and the heads of each call?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


def heads(s: Subject, *lengths: int, number: int = 2) -> list[Tensor]:
    """A sequence of vectors for each length, for some heads, that need gradients."""
    return [s.randn(1, number, length, 8).requires_grad_() for length in lengths]


@scenario(
    ref="torch.nn.functional.scaled_dot_product_attention / in compiled code",
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    call 3: compiles, equals eager
    gradients: equals eager
    call 4: compiles, equals eager
    gradients: equals eager
    call 5: compiles, equals eager
    gradients: equals eager
    call 6: compiles, equals eager
    gradients: equals eager
    """,
)
def mask_is_of_another_kind(s: Subject) -> None:
    """Attention obeys the mask of each call: boolean, broadcast, float with or without a gradient, or None."""
    program = s.compile(scaled_dot_product_attention)
    numbers = s.randn(1, 1, 4, 5).requires_grad_()
    allowed = s.randn(4, 5) > 0
    for mask in allowed, ~allowed, allowed[:1], numbers, numbers.detach(), None:
        query, key, value = heads(s, 4, 5, 5)
        program(query, key, value, attn_mask=mask).square().sum().backward()
        s.note("gradients", [each.grad for each in (query, key, value, numbers)])


@scenario(
    ref="torch.nn.functional.scaled_dot_product_attention / in compiled code",
    expect="""
    calls 1-5: compiles, equals eager
    """,
)
def attention_is_inferred(s: Subject) -> None:
    """Without gradients attention obeys the mask, is_causal and the scale of each call as well."""
    program, allowed = s.compile(scaled_dot_product_attention), s.randn(4, 4) > 0
    for settings in (
        {"attn_mask": allowed},
        {"attn_mask": s.randn(1, 1, 4, 4)},
        {"is_causal": True},
        {"is_causal": True, "scale": 0.5},
        {"attn_mask": ~allowed, "scale": 2.0},
    ):
        program(*(s.randn(1, 2, 4, 8) for _ in range(3)), **settings)


@scenario(
    ref="torch.nn.functional.scaled_dot_product_attention / in compiled code",
    axes={"mask": ("truth", "numbers")},
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: reuses, equals eager
    gradients: equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    """,
)
def nothing_may_be_seen(s: Subject) -> None:
    """A row of attention that is fully masked has eager's result and eager's gradients."""
    program = s.compile(scaled_dot_product_attention)
    allowed = s.ones(3, 3).tril().bool()
    for hidden in 0, 2, None:
        mask = allowed.clone()
        if hidden is not None:
            mask[hidden] = False
        if s.axis("mask") == "numbers":
            mask = s.zeros(3, 3).masked_fill(~mask, float("-inf"))
        query, key, value = heads(s, 3, 3, 3)
        program(query, key, value, attn_mask=mask).sum().backward()
        s.note("gradients", [each.grad for each in (query, key, value)])


@scenario(
    ref="torch.nn.functional.scaled_dot_product_attention / in compiled code",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    calls 3-5: reuses, equals eager
    """,
)
def past_grows(s: Subject) -> None:
    """Attention over past keys that grow by one position in each call is eager's, at one graph for all sizes."""

    def program(word: Tensor, past: Tensor, *, causal: bool) -> Any:
        past = torch.cat([past, word], 2)
        return scaled_dot_product_attention(word, past, past * 2, is_causal=causal), past

    compiled = s.compile(program)
    with torch.no_grad():
        (past,) = heads(s, 3)
        _, past = compiled(past, past[:, :, :0], causal=True)
        for _ in range(4):
            _, past = compiled(*heads(s, 1), past, causal=False)


@scenario(
    ref="torch.nn.functional.scaled_dot_product_attention / in compiled code",
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: compiles, equals eager
    gradients: equals eager
    call 3: compiles, equals eager
    gradients: equals eager
    call 4: compiles, equals eager
    gradients: equals eager
    call 5: compiles, equals eager
    gradients: equals eager
    call 6: compiles, equals eager
    gradients: equals eager
    """,
)
def settings_of_attention_change(s: Subject) -> None:
    """Attention uses the scale, is_causal and enable_gqa of each call."""
    program = s.compile(scaled_dot_product_attention)
    query = heads(s, 4, number=4)[0]
    for number, settings in (
        (4, {"is_causal": True}),
        (4, {"is_causal": False}),
        (4, {"scale": 0.5}),
        (4, {"scale": 2.0, "is_causal": True}),
        (2, {"enable_gqa": True}),
        (1, {"enable_gqa": True, "scale": 2.0}),
    ):
        key, value = heads(s, 4, 4, number=number)
        program(query, key, value, **settings).square().mean().backward()
        s.note("gradients", [each.grad for each in (query, key, value)])


@scenario(
    ref="torch.nn.functional.scaled_dot_product_attention / in compiled code",
    needs=("dynamic_shapes",),
    expect="""
    call 1: compiles, equals eager
    gradients: equals eager
    call 2: compiles, equals eager
    gradients: equals eager
    call 3: reuses, equals eager
    gradients: equals eager
    call 4: compiles, equals eager
    gradients: equals eager
    """,
)
def heads_are_split_and_joined(s: Subject) -> None:
    """Attention on heads that are views of one projection has eager's results and strides at any length."""
    projection = s.place(nn.Linear(8, 24))

    def program(x: Tensor) -> Any:
        parts = projection(x).chunk(3, dim=-1)
        query, key, value = (each.unflatten(-1, (2, 4)).transpose(1, 2) for each in parts)
        seen = scaled_dot_product_attention(query, key, value, is_causal=True)
        # Whether joining copies is the kernel's to say: a result of its own hides that, and its strides do not.
        return seen, seen.transpose(1, 2).flatten(2) * 2

    compiled = s.compile(program)
    for length in 4, 5, 6, 1:
        projection.zero_grad()
        compiled(s.randn(2, length, 8))[1].square().sum().backward()
        s.note("gradients", [each.grad for each in projection.parameters()])


@scenario(
    ref="torch.nn.MultiheadAttention / in compiled code",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    calls 4-6: compiles, equals eager
    call 7: reuses, equals eager
    call 8: compiles, equals eager
    """,
)
def words_are_left_out(s: Subject) -> None:
    """MultiheadAttention obeys the padding mask, attention mask and need_weights of each call, training or not."""
    layer = s.place(nn.MultiheadAttention(4, 2, batch_first=True))
    program, x = s.compile(layer), s.randn(2, 3, 4)
    padding = s.arange(3).expand(2, 3) > 1
    later = s.ones(3, 3).triu(1).bool()
    for mode in True, False:
        layer.train(mode)
        with torch.set_grad_enabled(mode):
            for left, weights in (None, True), (padding, False), (padding.flip(1), False):
                program(x, x, x, key_padding_mask=left, need_weights=weights, attn_mask=None)
            program(x, x, x, key_padding_mask=None, need_weights=True, attn_mask=later)


@scenario(
    ref="torch.nn.TransformerEncoderLayer / in compiled code",
    expect="""
    call 1: compiles, equals eager
    call 2: compiles, equals eager
    call 3: reuses, equals eager
    call 4: reuses, equals eager
    """,
)
def encoder_trains_and_evaluates(s: Subject) -> None:
    """A TransformerEncoderLayer gives eager's results in train and eval mode, also once its weights have changed."""
    layer: Any = s.place(nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True))
    program = s.compile(layer)
    padding = s.arange(3).expand(2, 3) > 1
    for _ in range(2):
        layer.train()
        program(s.randn(2, 3, 4)).square().sum().backward()
        layer.eval()
        with torch.no_grad():
            program(s.randn(2, 3, 4), src_key_padding_mask=padding)
            for each in layer.parameters():
                each.sub_(each.grad, alpha=0.01)


@scenario(
    ref="torch.nn.attention.flex_attention / in compiled code",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def scores_are_changed(s: Subject) -> None:
    """A score_mod of flex_attention that captures a tensor uses the tensor's values at the time of the call."""
    bias = nn.Parameter(s.zeros(2))

    def change(score: Tensor, _: Any, head: Tensor, query: Tensor, key: Tensor) -> Any:
        return torch.where(query >= key, score + bias[head] * (query - key), -float("inf"))

    program = s.compile(lambda q, k, v: flex_attention(q, k, v, score_mod=change))
    with torch.no_grad():
        for number in range(3):
            program(*(each.detach() for each in heads(s, 16, 16, 16)))
            bias.add_(number)


@scenario(
    ref="torch.nn.attention.flex_attention / in compiled code",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    call 2: reuses, equals eager
    call 3: reuses, equals eager
    """,
)
def documents_are_apart(s: Subject) -> None:
    """A flex_attention program obeys the block mask of each call, at one graph for masks of one shape."""
    program = s.compile(lambda q, k, v, mask: flex_attention(q, k, v, block_mask=mask))
    for length in 16, 4, 10:
        document = (s.arange(16) >= length).long()

        def together(_: Any, __: Any, query: Any, key: Any, document: Tensor = document) -> Any:
            return document[query] == document[key]

        mask = create_block_mask(together, None, None, 16, 16, device=s.device)
        with torch.no_grad():
            program(*(each.detach() for each in heads(s, 16, 16, 16)), mask)

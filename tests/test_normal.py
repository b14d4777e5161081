from __future__ import annotations

import tempfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.normal import normalise

BOUNDED = settings(max_examples=300, deadline=None, derandomize=True)

VALUES = {
    "an address": ("<f at 0x7f25fe31b7e0>", "<f at 0x...>"),
    "a small hexadecimal number": ("mask 0xff00", "mask 0xff00"),
    "an installed file": (
        'File "/home/me/.venv/lib/python3.11/site-packages/torch/_dynamo/x.py", line 403, in f',
        'File "torch/_dynamo/x.py", line N, in f',
    ),
    "a file of Python": ('"/usr/lib/python3.13/asyncio/events.py"', '"asyncio/events.py"'),
    "a scenario": (
        "# File: /tmp/clone/conformance/cases/comptime.py:20 in f, code: y = x * 2",
        "# File: conformance/cases/comptime.py:N in f, code: y = x * 2",
    ),
    "a temporary file": (
        f"(wrote {tempfile.gettempdir()}/a1b2/out.so)",
        "(wrote <temporary file>)",
    ),
    "another file": ("/opt/models/net.py:7", "net.py:N"),
    "a file with a blank": ('File "/home/me too/net.py", line 3', 'File "net.py", line N'),
    "an address of the web": (
        "see https://pytorch.org/docs/stable",
        "see https://pytorch.org/docs/stable",
    ),
    "divisions": ("a/b/c + (d /e) / f", "a/b/c + (d /e) / f"),
    "generated code": ('File "<eval_with_key>.12", line 5', 'File "<eval_with_key>", line N'),
    "a resumed function": ("torch_dynamo_resume_in_f_at_33", "torch_dynamo_resume_in_f_at_N"),
    "symbols": ("f32[s77, s26, u3]: s26*s77 + zuf9", "f32[s0, s1, u0]: s1*s0 + zuf0"),
    "names that begin like symbols": ("sin s_7 u ps3 s7x L_x_", "sin s_7 u ps3 s7x L_x_"),
    "versions": (
        "torch 2.13.0+cpu, 2.15.0.dev20260101 and 3.14.0rc1.",
        "torch VERSION, VERSION and VERSION.",
    ),
    "numbers": ("1.5 and 10.25, 3", "1.5 and 10.25, 3"),
    "marks below code": (
        '  File "a.py", line 1, in f\n    y = g(y)\n        ~^^^\n  File "a.py", line 22, in g\n    ^ is no mark\n',
        'File "a.py", line N, in f\n  y = g(y)\nFile "a.py", line N, in g\n  ^ is no mark',
    ),
    "blanks": ("\n\n  y = 1  \n\t\n    z\r\n\n", "y = 1\n\n  z"),
    "nothing": ("", ""),
}

#: Pieces that the rules look for, and neighbours that could turn what one rule left into another's business.
PIECES = st.sampled_from(
    [
        *(text for text, _ in VALUES.values()),
        *'/" \n\t.:,+-~^s7N',
        "/a/b",
        "site-packages/",
        "conformance/",
        "python3.11/",
        "_at_",
        "line ",
        ".py",
        "0x123456",
        "1.2",
        "torch_dynamo_resume_in_",
        "<eval_with_key>",
    ]
)


@pytest.mark.parametrize("name", VALUES)
def test_normal_text(name: str) -> None:
    text, normal = VALUES[name]
    assert normalise(text) == normal


@given(st.lists(PIECES, max_size=9).map("".join))
@BOUNDED
def test_a_normal_text_is_its_own_normal_text(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(st.sampled_from("abcxyzNE_()[]{}=*'#<>,;!?& \n")))
@example("x = (a_b * y)\n\n  if c: [z]")
@BOUNDED
def test_a_text_without_anything_that_varies_is_normal(text: str) -> None:
    lines = [line.rstrip() for line in text.split("\n")]
    plain = "\n".join(["a", *lines, "z"])
    assert normalise(plain) == plain


@given(st.permutations(range(4)), st.lists(st.integers(0, 3), max_size=9))
@BOUNDED
def test_the_numbers_of_symbols_do_not_matter(others: list[int], shape: list[int]) -> None:
    assert normalise(str([f"s{each}" for each in shape])) == normalise(
        str([f"s{70 + others[each]}" for each in shape])
    )

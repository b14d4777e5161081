"""Circumstances that a process must take on by itself: far side, imported by a profile's `modules`.

Python leaves numbers, dates and messages in the C locale, whatever LC_ALL says; programs that embed it, or that
write numbers for people, do not. Threads, which a zygote must not have, are allowed from the child on.
"""

from __future__ import annotations

import locale
import os

import torch

#: The variable that says how many threads a trial may compute with.
THREADS = "TOUCHSTONE_THREADS"

locale.setlocale(locale.LC_ALL, "")
if THREADS in os.environ:
    torch.set_num_threads(int(os.environ[THREADS]))

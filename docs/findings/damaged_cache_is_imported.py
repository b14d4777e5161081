"""Code that was cut off in the cache, as when the disk is full, is imported instead of being generated
anew.

Scenario: compile_caches/damaged_caches_do_no_harm
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; inductor
Root: the damaged entry is left and the code is generated again, but write in torch/_inductor/codecache.py
    writes no file whose name, a digest of its content, is there already, and does not look at what is in
    it.
Upstream: none found
"""

import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

import torch


def compile_once(folder):
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
    torch.compile(lambda x: x.sin() + 1, backend=sys.argv[1])(torch.ones(3))


def end_of_a_process(folder):
    process = multiprocessing.get_context("fork").Process(target=compile_once, args=(folder,))
    process.start()
    process.join()
    return process.exitcode


with tempfile.TemporaryDirectory() as folder:
    assert end_of_a_process(folder) == 0
    for file in Path(folder).rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    status = end_of_a_process(folder)
    assert status == 0, f"the second process ended with status {status}"

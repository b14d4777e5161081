"""What a thread has set in a threading.local is not seen where the compiling thread had only the default
of its class.

Scenario: threads/value_of_the_thread_is_seen
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: guards look into `own.__dict__` by PyObject_GenericGetDict (GetGenericDictGuardAccessor), which is
    the object's own dict and not that of the calling thread: that the dict lacks the name holds in each
    thread.
Upstream: none found
"""

import sys
import threading

import torch


class Own(threading.local):
    number = 1


own = Own()


def program(x):
    return x + own.number


compiled = torch.compile(program, backend=sys.argv[1])
x, found = torch.zeros(1), []


def run():
    own.number = 2
    found.extend([compiled(x), program(x)])


compiled(x)
thread = threading.Thread(target=run)
thread.start()
thread.join()
got, right = found
assert torch.equal(got, right), f"got {got}, eager gives {right}"

"""The two words that a scenario is written with: `scenario` and `Subject`.

Knows how a scenario is declared. Must not know how one is found, run or judged, and imports nothing
of ours and no torch at run time, so that any reader of the catalog can afford to import it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    import torch

    Module = TypeVar("Module", bound=torch.nn.Module)

Axis: TypeAlias = Sequence[bool | int | float | str | None]
Compare: TypeAlias = Literal["values", "metadata"]


class Graph(Protocol):
    """One graph that the front end handed to the implementation."""

    @property
    def text(self) -> str:
        """The graph, printed."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Kinds of its inputs, such as "f32[2, 3]" or "Sym(s77)"."""


class Subject(Protocol):
    """The implementation under test as a scenario sees it.

    A body runs twice from the same seed: with a subject that runs everything in eager (the oracle) and
    with the implementation. It asserts nothing; what it calls and notes is the story that is judged.
    """

    device: str
    """The type of the implementation's device, as torch names it: what a program passes to torch.autocast."""

    modules: Sequence[str]
    """What must be imported for the implementation to be there; none for a backend that comes with torch."""

    def axis(self, name: str) -> Any:  # noqa: ANN401 - an axis holds any literal
        """The value that the variant gives to one of the scenario's axes."""

    def compile(
        self,
        program: Callable[..., Any],
        *,
        name: str = "",
        compare: Compare = "values",
        tell: bool = False,
        ahead: bool = False,
        **options: Any,  # noqa: ANN401 - whatever the front end's compile accepts
    ) -> Any:  # noqa: ANN401 - stands for the program, attributes included
        """The program, compiled by the implementation; each call of it is an event of the story.

        Args:
            program: a function or a module.
            name: what the story calls it, where a scenario compiles more than one.
            compare: "metadata" compares everything except the numbers, for random results.
            tell: the story holds the result itself instead of "equals eager", for programs whose
                compiled result rightly differs.
            ahead: whether what is called was compiled ahead of time, by an act: it leaves no trace of what ran.
            options: passed on to the front end's compile, such as `fullgraph` and `dynamic`. `entry` names another
                entry to take instead of torch.compile: "optimize" or "optimize_assert" of torch._dynamo, or "in_place",
                which is `compile` of a module and gives the module itself.
        """

    def compile_backward(
        self,
        program: Callable[..., Any],
        *,
        name: str = "",
        compare: Compare = "values",
        dynamic_capture: bool = True,
        **options: Any,  # noqa: ANN401 - whatever the front end's compile accepts
    ) -> Any:  # noqa: ANN401 - stands for the program
        """The program, run as it is, with each backward pass in it captured and compiled by the implementation.

        Args:
            program: a function that calls `backward` or `torch.autograd.grad`.
            name: what the story calls it, where a scenario compiles more than one.
            compare: as in `compile`.
            dynamic_capture: whether sizes may vary in what is captured.
            options: passed on to the front end's compile of what was captured; by default it is compiled whole
                (`fullgraph=True`) and for sizes that vary (`dynamic=True`).
        """

    def ahead(
        self,
        program: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str = "",
        compare: Compare = "values",
        **options: Any,  # noqa: ANN401 - whatever the front end's compile accepts
    ) -> Any:  # noqa: ANN401 - stands for the program
        """The program, compiled ahead of time for arguments like these; the story tells how that went.

        A module, and the instance of a bound method, is then the first argument of each call. `save(path)` of what
        is returned saves it.
        """

    def load(
        self,
        path: str,
        *,
        name: str = "",
        compare: Compare = "values",
        **options: Any,  # noqa: ANN401 - whatever the front end's load accepts
    ) -> Any:  # noqa: ANN401 - stands for the program
        """A program that was compiled ahead of time and saved."""

    def path(self, name: str) -> str:
        """Where a file of that name may lie; the processes of a scenario share it."""

    def act(self, name: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever comes of it
        """Do what only a compiler does; the story tells that it succeeds, or what it raises. None in the oracle."""

    def elsewhere(
        self,
        step: Callable[..., None],
        *args: Any,  # noqa: ANN401 - the step's own
        interpreter: bool = False,
        shares_caches: bool = False,
    ) -> None:
        """Go on in another process, which has run nothing of the scenario so far.

        Args:
            step: a function of the scenario's module; it is called with a subject and the arguments.
            args: anything that can be pickled.
            interpreter: whether the process must be a brand-new interpreter.
            shares_caches: whether it finds what the processes before it have left in the compile caches.
        """

    def ranks(
        self,
        step: Callable[..., None],
        *args: Any,  # noqa: ANN401 - the step's own
        world: int = 2,
    ) -> None:
        """Run a step in several fresh processes at the same time, which are the ranks of a process group (gloo).

        The story tells what each rank shows, one rank after the other; in the oracle, ranks run as well.

        Args:
            step: a function of the scenario's module; it is called with a subject and the arguments.
            args: anything that can be pickled.
            world: how many processes.
        """

    def attempt(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Make a call whose exception belongs to the claim: the story tells it, the body goes on."""

    def randn(self, *size: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Standard normal numbers of the given size, the same for every implementation."""

    def rand(self, *size: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Uniform numbers in [0, 1) of the given size, the same for every implementation."""

    def ones(self, *size: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """A tensor of ones on the implementation's device."""

    def zeros(self, *size: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """A tensor of zeros on the implementation's device."""

    def full(
        self, size: Sequence[int], value: float, dtype: torch.dtype | None = None
    ) -> torch.Tensor:
        """A tensor filled with one value on the implementation's device."""

    def arange(self, end: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """The numbers from 0 up to `end`, in the implementation's floating dtype by default."""

    def place(self, module: Module) -> Module:
        """The module with parameters drawn from the seed, on the implementation's device and dtype."""

    def config(self, module: str = "torch._dynamo.config", **flags: Any) -> None:  # noqa: ANN401
        """Set flags of the compiler for the rest of the scenario; the oracle ignores it."""

    def reset(self) -> None:
        """Forget everything compiled so far."""

    def change(self, what: str) -> None:
        """Put a sentence into the story about a change that the body makes between calls."""

    def note(self, name: str, value: object) -> None:
        """Observe a value that is not the result of a call; it must equal eager's."""

    def tell(self, name: str, value: object, *, tier: str = "must") -> None:
        """Observe a value that eager does not have: the story holds the value itself."""

    def guards(self) -> Sequence[str]:
        """The guards of every compilation so far, as text; none in the oracle."""

    def graphs(self) -> Sequence[Graph]:
        """The graphs captured so far; none in the oracle."""


Body: TypeAlias = Callable[[Subject], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One clause of the contract: the claim, the program, and the story that conforms."""

    body: Body
    ref: str
    expect: str | Mapping[str, str]
    axes: Mapping[str, Axis]
    needs: Sequence[str]
    seed: Sequence[str]
    tells: Sequence[str]
    tiers: Mapping[str, str]
    exact: str
    torch: str
    formerly: Sequence[str]


def scenario(  # noqa: PLR0913 - one keyword for each thing that a scenario declares
    *,
    ref: str,
    expect: str | Mapping[str, str],
    axes: Mapping[str, Axis] | None = None,
    needs: Sequence[str] = (),
    seed: Sequence[str] = (),
    tells: Sequence[str] = (),
    tiers: Mapping[str, str] | None = None,
    exact: str = "",
    torch: str = "",
    formerly: Sequence[str] = (),
) -> Callable[[Body], Scenario]:
    """Declare the function below as a scenario; every argument is a literal.

    Args:
        ref: where the contract says so: a page of the documentation, or the name of the behaviour.
        expect: the story, or one per condition. A condition lists `axis=value` (alternatives with `|`)
            and version clauses such as `torch<2.12`, separated by commas; the first that holds counts,
            `otherwise` may stand last.
        axes: names and values that span the scenario's variants; the body reads them with `Subject.axis`.
        needs: capabilities that an implementation must claim (see docs/needs.md).
        seed: upstream behaviours that the scenario covers, by the name they are known under.
        tells: further facets of each call that enter the story: "ops".
        tiers: facet to "tier: reason", where the scenario raises or lowers the usual tier.
        exact: why fewer compilations would also break the claim; empty where fewer is better.
        torch: the torch versions that the claim speaks of, such as ">=2.13".
        formerly: ids that this scenario had before a renaming.
    """

    def declare(body: Body) -> Scenario:
        return Scenario(
            body=body,
            ref=ref,
            expect=expect,
            axes=axes or {},
            needs=needs,
            seed=seed,
            tells=tells,
            tiers=tiers or {},
            exact=exact,
            torch=torch,
            formerly=formerly,
        )

    return declare

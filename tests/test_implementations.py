from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.implementations import DEFAULTS, ProfileError, find, read, shipped
from harness.model import Implementation
from harness.needs import NEEDS


def profile(folder: Path, text: str, name: str = "mine.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def refused(folder: Path, text: str) -> str:
    file = profile(folder, text)
    with pytest.raises(ProfileError) as caught:
        read(file)
    assert str(caught.value).startswith(str(file))
    return str(caught.value)


# shipped profiles


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_profile_is_found_by_its_name(name: str) -> None:
    found = find(name)
    assert (found.name, found.argument) == (name, name)
    assert found.backend
    assert found.homepage.startswith("https://")
    assert set(found.claims) <= set(NEEDS)


def test_the_defaults_are_shipped() -> None:
    assert set(DEFAULTS) <= set(shipped())


def test_only_the_profile_of_eager_interprets() -> None:
    assert [name for name in DEFAULTS if find(name).interprets] == ["eager"]


# finding


def test_a_profile_is_found_by_its_path(tmp_path: Path) -> None:
    file = profile(tmp_path, 'backend = "eager"')
    assert find(str(file)) == Implementation(
        "mine", backend="eager", claims=tuple(NEEDS), argument=str(file)
    )


def test_a_backend_is_found_as_module_and_attribute() -> None:
    assert find("pkg.module:compile_it") == Implementation(
        "pkg.module.compile_it",
        backend="pkg.module:compile_it",
        claims=tuple(NEEDS),
        argument="pkg.module:compile_it",
    )


@pytest.mark.parametrize(
    ("asked", "meant"), [("indutor", "inductor"), ("aot-eager", "aot_eager"), ("Eager", "eager")]
)
def test_a_name_that_is_nearly_one_is_told_which(asked: str, meant: str) -> None:
    with pytest.raises(ProfileError, match=f"no implementation {asked!r}; did you mean {meant!r}"):
        find(asked)


@pytest.mark.parametrize("asked", ["zzz", "", "pkg.module:", ":compile", "pkg/module:compile"])
def test_a_name_that_is_none_is_told_what_can_be_given(asked: str) -> None:
    with pytest.raises(ProfileError) as caught:
        find(asked)
    assert "did you mean" not in str(caught.value)
    for word in (*shipped(), "*.toml", "module:attribute"):
        assert word in str(caught.value)


def test_a_profile_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    asked = str(tmp_path / "gone.toml")
    with pytest.raises(ProfileError) as caught:
        find(asked)
    assert str(caught.value).startswith(f"the profile {asked!r} does not exist")


# reading


def test_a_profile_is_read_with_every_key(tmp_path: Path) -> None:
    text = f"""
        name = "my-compiler_1.2+cpu"
        python = "{sys.executable}"
        backend = "pkg:compile"
        options = {{ level = 3, names = ["a"] }}
        modules = ["pkg.register"]
        device = "cuda"
        dtype = "bfloat16"
        environ = {{ A = "1" }}
        claims = ["fullgraph"]
        interprets = true
        time_factor = 2
        homepage = "https://example.org"
    """
    assert read(profile(tmp_path, text)) == Implementation(
        name="my-compiler_1.2+cpu",
        python=sys.executable,
        backend="pkg:compile",
        options={"level": 3, "names": ["a"]},
        modules=("pkg.register",),
        device="cuda",
        dtype="bfloat16",
        environ={"A": "1"},
        claims=("fullgraph",),
        interprets=True,
        time_factor=2,
        homepage="https://example.org",
    )


def test_a_profile_is_named_after_its_file_and_claims_everything(tmp_path: Path) -> None:
    found = read(profile(tmp_path, 'backend = "x"', "my_compiler.toml"))
    assert (found.name, found.claims, found.python) == ("my_compiler", tuple(NEEDS), "")


@pytest.mark.parametrize(("text", "claims"), [("[]", ()), ('["*"]', tuple(NEEDS))])
def test_a_profile_may_claim_nothing_or_everything(
    tmp_path: Path, text: str, claims: tuple[str, ...]
) -> None:
    assert read(profile(tmp_path, f'backend = "x"\nclaims = {text}')).claims == claims


def test_a_relative_interpreter_is_relative_to_the_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "profiles").mkdir()
    profile(tmp_path / "profiles", 'backend = "x"\npython = "../venv/bin/python"')
    monkeypatch.chdir(tmp_path)
    found = Path(find("profiles/mine.toml").python)
    assert found.is_absolute()
    assert found == tmp_path / "profiles" / ".." / "venv" / "bin" / "python"


def test_an_interpreter_is_not_resolved_because_a_link_is_a_virtual_environment(
    tmp_path: Path,
) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    found = read(profile(tmp_path, 'backend = "x"\npython = "python"'))
    assert found.python == str(tmp_path / "python")


def test_the_home_of_the_user_is_known(tmp_path: Path) -> None:
    found = read(profile(tmp_path, 'backend = "x"\npython = "~/venv/bin/python"'))
    assert found.python == str(Path.home() / "venv/bin/python")


# refusals


@pytest.mark.parametrize("text", ["", 'backend = ""', 'name = "x"'])
def test_a_profile_without_backend_is_refused(tmp_path: Path, text: str) -> None:
    assert "`backend` is missing; give a name that torch.compile knows or mod" in refused(
        tmp_path, text
    )


def test_a_key_that_is_nearly_one_is_told_which(tmp_path: Path) -> None:
    said = refused(tmp_path, 'backend = "x"\ntimefactor = 2')
    assert said.endswith("`timefactor` is no key of a profile; did you mean 'time_factor'?")


def test_a_key_that_is_none_is_told_the_keys(tmp_path: Path) -> None:
    said = refused(tmp_path, 'backend = "x"\nzzz = 2')
    assert "`zzz` is no key of a profile; the keys are name, python, backend, options" in said


def test_the_argument_is_no_key_of_a_profile(tmp_path: Path) -> None:
    assert "`argument` is no key" in refused(tmp_path, 'backend = "x"\nargument = "y"')


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("backend", "5"),
        ("python", "3.12"),
        ("options", '"fast"'),
        ("modules", '"pkg"'),
        ("environ", "[]"),
        ("claims", '"fullgraph"'),
        ("interprets", '"yes"'),
        ("time_factor", '"2"'),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_key(tmp_path: Path, key: str, value: str) -> None:
    said = refused(tmp_path, f"{key} = {value}")
    assert f"`{key}` is " in said
    assert "expected" in said


@pytest.mark.parametrize(
    ("key", "value"), [("environ", "{ A = 1 }"), ("modules", "[1]"), ("time_factor", "true")]
)
def test_a_value_of_the_wrong_type_within_is_refused_by_key(
    tmp_path: Path, key: str, value: str
) -> None:
    assert f"`{key}`" in refused(tmp_path, f'backend = "x"\n{key} = {value}')


@pytest.mark.parametrize("name", ["", "my compiler", "a/b", "a @ b", "x\\n"])
def test_a_name_that_would_not_fit_an_id_is_refused(tmp_path: Path, name: str) -> None:
    assert "use letters, digits, and . _ + -" in refused(
        tmp_path, f'backend = "x"\nname = "{name}"'
    )


def test_a_file_name_that_would_not_fit_an_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="use letters, digits"):
        read(profile(tmp_path, 'backend = "x"', "my compiler.toml"))


def test_a_claim_that_is_no_need_is_told_the_list(tmp_path: Path) -> None:
    said = refused(tmp_path, 'backend = "x"\nclaims = ["fullgraph", "speed"]')
    assert "claims 'speed', which is no need; the list is " in said
    assert all(need in said for need in NEEDS)


@pytest.mark.parametrize("content", [b"backend = ", b"backend = '\xff'", b"\x00\x01"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(content)
    with pytest.raises(ProfileError, match="is no TOML"):
        read(file)

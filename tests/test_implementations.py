from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from harness.implementations import (
    DEFAULTS,
    FOLDER,
    MATRIX,
    SCHEMA,
    TOLERANT,
    ProfileError,
    distinct,
    find,
    matrix,
    read,
    shipped,
)
from harness.model import Implementation
from harness.needs import NEEDS, unmet


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
    assert found.backend or found.adapter
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


def test_two_implementations_of_one_name_are_refused(tmp_path: Path) -> None:
    file = profile(tmp_path, 'extends = "inductor"', "eager.toml")
    assert distinct([find("eager"), find("inductor")])
    with pytest.raises(
        ProfileError, match=r"eager and .* are both called 'eager'; give one another"
    ):
        distinct([find("eager"), find(str(file))])


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
        cpu = ["AVX2", "AVX512"]
        interprets = true
        time_factor = 2
        homepage = "https://example.org"
        tracker = "https://example.org/bugs"
        requires = ["torch==2.13.0", "./mine.whl"]
        indexes = ["https://example.org/simple"]
        tolerances = {{ float32 = [1e-3, 0] }}
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
        cpu=("AVX2", "AVX512"),
        interprets=True,
        time_factor=2,
        homepage="https://example.org",
        tracker="https://example.org/bugs",
        requires=("torch==2.13.0", str(tmp_path / "mine.whl")),
        indexes=("https://example.org/simple",),
        tolerances={"float32": (1e-3, 0)},
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


@pytest.mark.parametrize("text", ["", 'name = "x"'])
def test_a_profile_without_backend_is_refused(tmp_path: Path, text: str) -> None:
    assert "`backend` is missing; give a name that torch.compile knows or mod" in refused(
        tmp_path, text
    )


@pytest.mark.parametrize("key", ["backend", "adapter"])
def test_an_empty_name_of_what_compiles_is_refused(tmp_path: Path, key: str) -> None:
    assert f"`{key}` is empty; give what it names" in refused(tmp_path, f'{key} = ""')


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


def test_a_base_that_is_no_compiler_of_torch_is_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, 'backend = "x"\nbuilt_on = "tvm"')
    assert "`built_on` is 'tvm'; give aot_eager or inductor, or leave it out" in said


def test_a_file_name_that_would_not_fit_an_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="use letters, digits"):
        read(profile(tmp_path, 'backend = "x"', "my compiler.toml"))


def test_a_claim_that_is_no_need_is_told_the_list(tmp_path: Path) -> None:
    said = refused(tmp_path, 'backend = "x"\nclaims = ["fullgraph", "speed"]')
    assert "claims 'speed', which is no need; the list is " in said
    assert all(need in said for need in NEEDS)


def test_the_same_lack_reads_alike_however_a_scenario_lists_its_needs() -> None:
    needed = ("fullgraph", "autocast", "dynamic_shapes")
    assert unmet(needed, ["autocast"]) == unmet(needed[::-1], ["autocast"])
    assert unmet(needed, ["autocast"]) == ("dynamic_shapes", "fullgraph")


@pytest.mark.parametrize("content", [b"backend = ", b"backend = '\xff'", b"\x00\x01"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(content)
    with pytest.raises(ProfileError, match="is no TOML"):
        read(file)


# inheriting


def test_a_profile_has_the_keys_of_the_one_it_extends_and_its_own_win(tmp_path: Path) -> None:
    base = """
        name = "base"
        backend = "mine"
        time_factor = 3
        claims = ["fullgraph"]
        environ = { A = "1", B = "1" }
        options = { level = 1 }
    """
    profile(tmp_path, base, "base.toml")
    text = """
        extends = "base.toml"
        claims = ["autocast"]
        environ = { B = "2", C = "2" }
    """
    assert read(profile(tmp_path, text, "heir.toml")) == Implementation(
        "heir",
        backend="mine",
        time_factor=3,
        claims=("autocast",),
        environ={"A": "1", "B": "2", "C": "2"},
        options={"level": 1},
    )


def test_a_shipped_profile_is_extended_by_its_name_from_anywhere(tmp_path: Path) -> None:
    found = read(profile(tmp_path, 'extends = "inductor"\ntime_factor = 9'))
    assert (found.name, found.backend, found.time_factor) == ("mine", "inductor", 9)
    assert found.tools == find("inductor").tools


def test_paths_count_from_the_file_that_has_them(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    profile(
        tmp_path, 'backend = "x"\npython = "venv/python"\nrequires = ["./a.whl"]', "base/b.toml"
    )
    found = read(profile(tmp_path, 'extends = "base/b.toml"'))
    assert found.python == str(tmp_path / "base/venv/python")
    assert found.requires == (str(tmp_path / "base/./a.whl"),)


def test_a_command_is_looked_up_where_commands_are(tmp_path: Path) -> None:
    assert read(profile(tmp_path, 'backend = "x"\npython = "python3.12"')).python == "python3.12"


def test_profiles_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    profile(tmp_path, 'extends = "b.toml"', "a.toml")
    with pytest.raises(ProfileError, match="`extends` leads back to this profile"):
        read(profile(tmp_path, 'extends = "a.toml"', "b.toml"))


@pytest.mark.parametrize(
    ("base", "hint"),
    [
        ("indutor", "did you mean 'inductor'"),
        ("gone.toml", "give a shipped profile's name or a path"),
    ],
)
def test_a_base_that_does_not_exist_is_told_by_the_heir(
    tmp_path: Path, base: str, hint: str
) -> None:
    said = refused(tmp_path, f'extends = "{base}"')
    assert f"`extends` is {base!r}, which does not exist; {hint}" in said


def test_an_error_in_a_base_names_the_base(tmp_path: Path) -> None:
    profile(tmp_path, 'backend = "x"\nclaims = ["speed"]', "base.toml")
    with pytest.raises(ProfileError, match=r"base\.toml: `claims` claims 'speed'"):
        read(profile(tmp_path, 'extends = "base.toml"'))


# shipped environments and matrices


@pytest.mark.parametrize("release", ["2.12", "2.14", "2.15"])
def test_the_implementations_of_a_release_share_one_environment(release: str) -> None:
    found = [find(f"{name}-{release}") for name in DEFAULTS]
    assert len({(each.requires, each.indexes) for each in found}) == 1
    assert found[0].requires[0].startswith(f"torch=={release}.")
    assert [each.backend for each in found] == list(DEFAULTS)


@pytest.mark.parametrize("name", tomllib.loads(MATRIX.read_text(encoding="utf-8")))
def test_a_matrix_lists_implementations_that_are_shipped_once_each(name: str) -> None:
    listed = matrix(name)
    assert set(listed) <= set(shipped())
    assert len(set(listed)) == len(listed)


def test_the_matrix_of_all_leaves_nothing_out() -> None:
    assert sorted(matrix("all")) == sorted(shipped())


def test_a_matrix_that_is_none_is_told_which_there_are() -> None:
    with pytest.raises(ProfileError, match=r"no matrix 'ful'; .*matrix\.toml has full"):
        matrix("ful")


# the schema and the reader


def errors(text: str) -> list[str]:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return [each.message for each in Draft202012Validator(schema).iter_errors(tomllib.loads(text))]


BAD = [
    "",
    'backend = ""',
    "backend = 5",
    "options = {}",
    'name = "a"',
    'extends = ""',
    "extends = 1",
    *(
        f'backend = "x"\n{line}'
        for line in (
            "zzz = 2",
            'argument = "y"',
            'adapters = "y"',
            "python = 3.12",
            'options = "fast"',
            'modules = "pkg"',
            "modules = [1]",
            "environ = []",
            "environ = { A = 1 }",
            'claims = "fullgraph"',
            'claims = ["speed"]',
            'claims = ["*", "fullgraph"]',
            "claims = [1]",
            'interprets = "yes"',
            "interprets = 1",
            'built_on = "eager"',
            'built_on = ""',
            "built_on = 1",
            'time_factor = "2"',
            "time_factor = true",
            "time_factor = 0",
            "time_factor = -1.5",
            'name = ""',
            'name = "a b"',
            'name = "a\\n"',
            'name = "\u00e4"',
            "tools = [[]]",
            'requires = "torch"',
            "requires = [1]",
            'requires = ["-r file.txt"]',
            'requires = [" torch"]',
            'requires = [""]',
            "indexes = [1]",
            "tolerances = []",
            "tolerances = { int8 = [0, 0] }",
            "tolerances = { float32 = 1e-3 }",
            "tolerances = { float32 = [1e-3] }",
            "tolerances = { float32 = [1e-3, 0, 0] }",
            "tolerances = { float32 = [1e-3, -1] }",
            'tolerances = { float32 = ["a", "b"] }',
            "tolerances = { float32 = [true, false] }",
            "homepage = 1",
            "tracker = []",
            "device = 0",
            "dtype = []",
        )
    ),
]


@pytest.mark.parametrize("text", BAD)
def test_what_the_schema_refuses_the_reader_refuses_and_the_other_way_round(
    tmp_path: Path, text: str
) -> None:
    assert errors(text)
    refused(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        'backend = "x"',
        'extends = "eager"',
        'backend = "x"\nclaims = ["*"]',
        'backend = "x"\nclaims = []',
        'backend = "x"\ntime_factor = 0.5',
        'backend = "x"\nname = "a.b_c+d-1"',
        'backend = "x"\nrequires = ["torch==2.13.0", "numpy>=1.26,<3", "./a.whl", "~/b.whl", "/c.whl"]',
        'backend = "x"\ntolerances = { bfloat16 = [0, 1.5] }',
        'backend = "x"\noptions = { a = [1, { b = 2 }] }',
        *(file.read_text(encoding="utf-8") for file in FOLDER.glob("*.toml")),
    ],
)
def test_what_the_reader_takes_the_schema_takes(tmp_path: Path, text: str) -> None:
    assert errors(text) == []
    read(profile(tmp_path, text))


def test_the_schema_has_the_lists_and_keys_of_the_reader() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    fields = {"extends", *Implementation.__dataclass_fields__} - {"argument"}
    assert set(schema["properties"]) == fields
    assert all(each["description"] for each in schema["properties"].values())
    assert schema["properties"]["claims"]["anyOf"][1]["items"]["enum"] == list(NEEDS), (
        "harness/profile.schema.json must list the needs of harness/needs.py"
    )
    assert schema["properties"]["tolerances"]["propertyNames"]["enum"] == list(TOLERANT)

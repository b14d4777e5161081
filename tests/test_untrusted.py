"""Records, profiles and what implementations say are hostile: they are shown, and nothing of them acts."""

from __future__ import annotations

import ast
import json
import os
import random
import re
import shutil
import subprocess
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import hostile
import pytest
from conftest import HANGS, touchstone
from hostile import ATTACKS, RUN
from test_accept import HEAD, plain, scenario
from test_html import Page, drive, dumped
from test_layers import NEAR, ROOT, modules, sources, tree
from test_record import result as ordinary
from test_record import written

from conformance.command import main
from harness import accept, adoption, catalog, literals, schema, values
from harness.answer import read_answer, read_exit
from harness.environment import environ
from harness.implementations import ProfileError
from harness.implementations import read as read_profile
from harness.merge import merge
from harness.model import Exit, Implementation, Observation, Result, Verdict
from harness.private import is_private
from harness.record import Record, RecordError, read
from harness.story import StoryError, Told, parse, to_json
from reports import changes_html, changes_markdown, changes_text, html, markdown, text
from reports.changes import compare
from reports.sides import PairingError
from reports.visible import line, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("hostile")
    return hostile.write(folder / "old.jsonl"), hostile.write(folder / "new.jsonl", 5)


@pytest.fixture(scope="module")
def pair(files: tuple[Path, Path]) -> tuple[Record, Record]:
    return read(files[0]), read(files[1])


# the attack itself


def texts(value: object) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from texts(key)
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def test_every_field_of_the_schema_is_in_the_hostile_record(files: tuple[Path, Path]) -> None:
    rows = [json.loads(row) for row in files[0].read_text().splitlines()]
    described = walk(list(schema.definitions().values()))
    named = {name for each in described for name in each.get("properties", ())}
    keys = {key for row in rows for each in walk(row) for key in each}
    assert named - keys == set()
    result = next(row for row in rows if row["record"] == "result")
    free = [each for each in texts(result["exit"]) if len(each) > 100]
    assert len(free) > 10
    assert all(attack in each for each in free for attack in ATTACKS)


def walk(value: object) -> Iterator[dict[str, Any]]:
    """Every object in a value."""
    if isinstance(value, dict):
        yield value
    for each in inside(value):
        yield from walk(each)


def arrays(value: object) -> Iterator[list[Any]]:
    """Every array in a value that holds something."""
    if isinstance(value, list) and value:
        yield value
    for each in inside(value):
        yield from arrays(each)


def inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


# pages, in a browser


def unharmed(seen: Page) -> None:
    """The browser ran none of it, and made none of it an element, an attribute or an address."""
    assert not seen.attributes("data-owned")
    assert not {tag for tag, _ in seen.elements} & {"img", "iframe", "base", "object", "embed"}
    assert not [name for _, each in seen.elements for name in each if name.startswith("on")]
    for address in seen.attributes("href"):
        assert address.startswith("#") or re.match(r"https?://", address), address
    assert all(each == "Content-Security-Policy" for each in seen.attributes("http-equiv"))


@pytest.mark.parametrize("place", [0, 6])
def test_nothing_of_a_hostile_record_runs_in_its_page(
    pair: tuple[Record, Record], tmp_path: Path, place: int
) -> None:
    page = html.write(pair[0], tmp_path / "report")
    trial = pair[0].results[place].trial.id.encode("utf-8", "replace").decode()
    seen = dumped(page, f"#trial={quote(trial)}", tmp_path / "profile")
    unharmed(seen)
    assert sum(tag == "script" for tag, _ in seen.elements) == 2
    assert "Evidence, event by event" in seen.text


def test_nothing_of_any_trial_would_run_even_without_the_policy(
    pair: tuple[Record, Record], tmp_path: Path
) -> None:
    page = html.write(pair[0], tmp_path / "report")
    drive(
        page,
        """
        const wait = () => new Promise((done) => setTimeout(done, 20));
        const seen = [];
        for (const link of [...document.querySelectorAll("a.chip")]) {
          location.hash = link.getAttribute("href");
          await wait();
          for (let round = 0; round < 3; round++) {
            for (const each of document.querySelectorAll("details:not([open])")) each.open = true;
            await wait();
          }
          const bad = document.querySelectorAll("img, iframe, base, svg[onload], [onerror], [onmouseover]");
          const links = [...document.querySelectorAll("#detail a[href]")].map((each) => each.protocol);
          seen.push(bad.length, links.filter((each) => !["http:", "https:", "file:"].includes(each)).length);
        }
        seen.push(document.querySelectorAll("#detail pre").length > 5);
        """,
    )
    seen = dumped(page, "", tmp_path / "profile")
    unharmed(seen)
    [found] = seen.attributes("data-seen")
    *counts, shown = json.loads(found)
    assert len(counts) >= 2 * (len(Verdict) - 1)
    assert (set(counts), shown) == ({0}, True)


def test_nothing_of_hostile_records_runs_in_the_page_of_their_changes(
    pair: tuple[Record, Record], tmp_path: Path
) -> None:
    page = tmp_path / "changes.html"
    page.write_text(changes_html.render(compare(*pair)), encoding="utf-8")
    seen = dumped(page, "", tmp_path / "profile")
    unharmed(seen)
    assert "script" not in {tag for tag, _ in seen.elements}
    assert ATTACKS[0] in seen.text


@pytest.mark.parametrize("guarded", [True, False])
def test_the_policy_stops_what_escaping_would_have_let_through(
    pair: tuple[Record, Record], tmp_path: Path, *, guarded: bool
) -> None:
    """Without the policy the same script does run: the browser and this test would see it."""
    page = html.write(pair[0], tmp_path / "report")
    slipped = page.read_text("utf-8").replace("<main", f"<script>{RUN}</script><main", 1)
    if not guarded:
        slipped = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", slipped)
    page.write_text(slipped, "utf-8")
    assert bool(dumped(page, "", tmp_path / "profile").attributes("data-owned")) is not guarded


def test_no_page_asks_the_network_for_anything(pair: tuple[Record, Record], tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium on the path")
    page = html.write(pair[0], tmp_path / "report")
    log = tmp_path / "net.json"
    subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            f"--user-data-dir={tmp_path / 'profile'}",
            *(f"--log-net-log={log}", "--virtual-time-budget=3000", "--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        timeout=HANGS,
        check=True,
    )
    noted = log.read_text("utf-8")
    assert page.name in noted
    assert "attacker.invalid" not in noted


@pytest.mark.parametrize(
    ("target", "links"),
    [
        ("https://example.org/1", True),
        ("javascript:alert(1)", False),
        (" javascript:alert(1)", False),
        ("data:text/html,<script>", False),
        ("//example.org", False),
        ("https://example.org/) [x](javascript:y", False),
    ],
)
def test_only_addresses_of_the_web_become_links(target: str, *, links: bool) -> None:
    assert (markdown.link("a text", target) != "a text") is links


def test_a_link_to_a_scenario_stays_inside_the_project(pair: tuple[Record, Record]) -> None:
    source = "https://example.org/blob/main"
    made = markdown.summary(pair[0], source)
    assert f"<{source}" not in made
    header = json.loads(json.dumps(pair[0].header))
    for each in header["scenarios"].values():
        each["file"] = "conformance/cases/a.py"
    assert f"<{source}/conformance/cases/a.py#L" in markdown.summary(
        replace(pair[0], header=header), source
    )
    for each in header["scenarios"].values():
        each["file"] = "conformance/../../../elsewhere"
    assert f"<{source}" not in markdown.summary(replace(pair[0], header=header), source)


# texts for terminals, logs and Markdown


def assert_harmless(shown: str) -> None:
    """A terminal obeys nothing of it, nor does a CI system that reads it as a log."""
    assert all(each in "\n\t" or each.isprintable() for each in shown)
    assert not [each for each in shown.splitlines() if each.lstrip().startswith("::")]
    assert not re.search(r"##(\[|vso\[)", shown)
    assert "\\x1b]0;pwned\\x07" in shown
    assert shown.encode()


def test_what_the_terminal_shows_of_hostile_records_is_visible(
    pair: tuple[Record, Record],
) -> None:
    assert_harmless(text.summary(pair[0]))
    for result in pair[0].results:
        assert_harmless(text.explain(result, ATTACKS[11]))
    assert_harmless(changes_text.render(compare(*pair)))


@pytest.mark.parametrize(
    "arguments",
    [
        ["summary", "OLD"],
        ["summary", "OLD", "--format=markdown"],
        ["diff", "OLD", "NEW"],
        ["diff", "OLD", "NEW", "--format=markdown"],
        ["report", "OLD", "-o", "HERE"],
        ["known", "OLD"],
        ["accept", "OLD"],
        ["merge", "OLD", "-o", "HERE"],
    ],
    ids=" ".join,
)
def test_no_command_lets_a_hostile_record_act_on_the_terminal(
    files: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    places = {"OLD": str(files[0]), "NEW": str(files[1]), "HERE": str(tmp_path / "here")}
    main([places.get(each, each) for each in arguments])
    shown = "".join(capsys.readouterr())
    assert shown
    assert_harmless(f"{shown}\\x1b]0;pwned\\x07")


def test_markdown_of_hostile_records_has_no_element_and_no_link(
    pair: tuple[Record, Record],
) -> None:
    for made in markdown.summary(pair[0]), changes_markdown.render(compare(*pair)):
        prose = re.sub(r"(?ms)^ *(`{3,}).*?^ *\1$", "", made)
        prose = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", prose)
        assert not re.search(r"(?<!\\)<(?!br>)", prose)
        assert not re.search(r"(?<!\\)\]\(", prose)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain → ü 漢\n\ttext", "plain → ü 漢\n\ttext"),
        ("\x1b[31m\r\x9b\0\x7f", "\\x1b[31m\\r\\x9b\\x00\\x7f"),
        ("\u202e\u2028\ud800", "\\u202e\\u2028\\ud800"),
        ("a\n  ::error::b ::c", "a\n  \\::error::b ::c"),
        ("x ##[group]y ##vso[z] ## z", "x #\\#[group]y #\\#vso[z] ## z"),
    ],
)
def test_what_acts_is_shown_instead(given: str, shown: str) -> None:
    assert visible(given) == shown
    assert visible(shown) == shown


def test_a_line_is_one_line() -> None:
    assert line("a\n    rerun: b\x0b\x1b") == "a rerun: b \\x1b"


def test_what_an_implementation_prints_and_raises_does_not_act_in_a_run(tmp_path: Path) -> None:
    profile = tmp_path / "hostile.toml"
    profile.write_text(
        f'name = "hostile"\nbackend = "faults:hostile"\n[environ]\nPYTHONPATH = "{ROOT / "tests"}"\n'
    )
    ran = subprocess.run(
        touchstone(
            *("run", "recompiles/wrappers_share_a_history", "-n", "0"),
            *("--implementation", str(profile), "-o", str(tmp_path / "out")),
        ),
        cwd=ROOT,
        env={**os.environ, "GITHUB_TOKEN": "a secret of the job"},
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert_harmless(ran.stdout)
    assert "a secret of the job" not in (tmp_path / "out" / "record.jsonl").read_text()
    assert "has no token" in ran.stdout


# reading


def test_the_near_side_neither_unpickles_nor_evaluates() -> None:
    forbidden = {
        "pickle",
        "marshal",
        "shelve",
        "dill",
        "cloudpickle",
        "joblib",
        "yaml",
        "runpy",
        "code",
    }
    calls = {"eval", "exec", "compile", "__import__", "breakpoint", "input"}
    far = (
        "conformance.cases",
        "conformance.adapters",
        "conformance.backends",
        "conformance.devices",
    )
    near = [f"harness.{each}" for each in NEAR]
    near += [each for each in modules("conformance", "reports") if not each.startswith(far)]
    assert len(near) > 50
    for name in near:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.Import):
                assert not {each.name.partition(".")[0] for each in node.names} & forbidden, name
            if isinstance(node, ast.ImportFrom):
                assert str(node.module).partition(".")[0] not in forbidden, name
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in calls, (name, node.lineno)
            if isinstance(node, ast.Call) and any(k.arg == "shell" for k in node.keywords):
                raise AssertionError(f"{name} line {node.lineno} asks a shell")
    assert set(near) <= set(sources())


def test_our_values_survive_json() -> None:
    each = ordinary()
    told = json.loads(json.dumps(values.to_json(each)))
    assert values.from_json(Result, told) == each
    for harm in ({**told, "more": 1}, {**told, "expected": 1}, {}, {**told, "trial": None}):
        with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
            values.from_json(Result, harm)


def uses(record: Record) -> None:
    """Everything that is made of a record that could be read."""
    html.build(record)
    text.summary(record)
    for each in record.results:
        text.explain(each, "x")
    markdown.summary(record, "https://example.org")
    merge({"a": record})
    try:
        found = compare(record, record)
        for render in changes_text.render, changes_markdown.render, changes_html.render:
            render(found)
    except PairingError:
        pass


WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**63,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\ud800",
    [],
    {},
)
DEEP = "[" * 5000 + "]" * 5000


def mutated(rows: list[dict[str, Any]], chance: random.Random) -> str:
    """The text of a record in which one thing is not as it was."""
    rows = json.loads(json.dumps(rows))
    objects = [each for each in walk(rows) if each]
    lists = [each for row in rows for each in arrays(row)]
    kind = chance.randrange(9)
    place = chance.choice(objects)
    key = chance.choice(sorted(place))
    if kind == 0:
        del place[key]
    elif kind in (1, 2, 3):
        place[key] = chance.choice([*WRONG, [place[key]], {"a": place[key]}, {"$text": "0" * 16}])
    elif kind == 4:
        place[chance.choice(["a", "$text", "\x1b[31m", key.upper()])] = chance.choice(WRONG)
    elif kind == 5:
        chosen = chance.choice(lists)
        chosen[chance.randrange(len(chosen))] = chance.choice(WRONG)
    elif kind == 6:
        chosen = chance.choice(lists)
        chosen.append(chosen[0])
    made = "\n".join(json.dumps(row) for row in rows)
    if kind == 7:
        start = chance.randrange(len(made))
        return made[:start] + made[start + chance.randrange(1, 40) :]
    if kind == 8:
        return made.replace(json.dumps(place[key]), chance.choice([DEEP, "1" * 5000, "1e999"]), 1)
    return made


def test_a_record_with_anything_wrong_is_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    path = written(tmp_path, [ordinary("one"), ordinary("two", Verdict.FAIL)])
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    chance = random.Random(20)  # noqa: S311 - the same every time
    refused: list[str] = []
    for number in range(600):
        path.write_text(mutated(rows, chance) + "\n")
        started = time.monotonic()
        try:
            uses(read(path))
        except RecordError as error:
            refused.append(str(error))
        assert time.monotonic() - started < 60, number
    assert 300 < len(refused) < 600
    assert all(each.isprintable() and len(each) < 600 for each in refused)


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "\0" * 100,
        "1" * 100_000,
        '{"record": "header", "format": 1, "plan": [' + '"x",' * 300_000 + '"x"]}',
        '{"record": ["header"]}',
        '{"record": "header", "record": "footer", "format": NaN, "plan": []}',
    ],
    ids=["arrays", "objects", "zeros", "digits", "long line", "kind", "twice"],
)
def test_what_only_looks_like_a_record_is_refused_soon(tmp_path: Path, content: str) -> None:
    path = tmp_path / "record.jsonl"
    path.write_text(f"{content}\n{content}\n")
    started = time.monotonic()
    with pytest.raises(RecordError, match=r"is no record|is damaged|has format|is truncated"):
        read(path)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("seconds", [10**400, -1, float("inf"), float("nan"), True, "1"])
def test_a_number_that_counts_nothing_is_refused(tmp_path: Path, seconds: object) -> None:
    path = written(tmp_path, [ordinary()])
    *rows, last = path.read_text().splitlines()
    path.write_text("\n".join([*rows, json.dumps({**json.loads(last), "seconds": seconds})]))
    with pytest.raises(RecordError, match=r"in line 4: footer\.seconds is .*, expected "):
        read(path)


def test_a_story_cannot_stand_for_millions_of_calls() -> None:
    assert len(parse("calls 1-10000: reuses, equals eager")) == 10_000
    with pytest.raises(StoryError, match="are more than 10000"):
        parse("calls 1-99999999999: reuses, equals eager")


def test_the_schema_says_nothing_that_is_not_obeyed() -> None:
    words = {
        word
        for each in schemas(json.loads(schema.FILE.read_text())["$defs"].values())
        for word in each
    }
    assert words <= schema.CHECKED | schema.DESCRIBING


def schemas(several: Iterable[object]) -> Iterator[dict[str, Any]]:
    for each in several:
        if isinstance(each, dict):
            yield each
            for name in "properties", "oneOf":
                inner = each.get(name, ())
                yield from schemas(inner.values() if isinstance(inner, dict) else inner)
            yield from schemas(
                each.get(n) for n in ("items", "additionalProperties", "propertyNames")
            )


# answers


def said(event: object, evidence: object) -> bytes:
    return json.dumps({"event": event, "evidence": evidence}).encode() + b"\n"


EVENT = to_json(Told("x", "y"))


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000 + b"\n",
        b'{"event": 1, "evidence": {}}\n',
        said({**EVENT, "text": 1}, {}),
        said({**EVENT, "more": 1}, {}),
        said(EVENT, {"compilations": 1}),
        said(EVENT, {"logs": [{"$text": "0" * 16}]}),
        said(EVENT, {"new": {"$text": "0" * 16}}),
        b'{"failure": {"phase": "run", "type": 1, "message": "", "traceback": ""}}\n',
        b'{"begin": {"torch": 2}}\n',
        b'{"end": {"channels": {"a": 1}, "artefacts": []}}\n',
        b'{"end": {"channels": {}, "artefacts": [1]}}\n',
        b"\xff\n",
    ],
)
def test_an_answer_that_is_not_ours_costs_its_trial_only(tmp_path: Path, content: bytes) -> None:
    answer = tmp_path / "answer"
    answer.write_bytes(content)
    seen = read_exit(answer, tmp_path / "output")
    assert "is not ours" in seen.bug
    each = replace(ordinary(), exit=seen)
    assert read(written(tmp_path, [each])).results == (each,)


def test_an_answer_that_is_ours_is_read(tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(said(EVENT, {"logs": ['"$text": a']}))
    seen, wrong = read_answer(tmp_path / "answer")
    assert (seen.story, wrong) == ((Told("x", "y"),), "")


def of_pipe(path: Path) -> None:
    os.mkfifo(path)


def of_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def of_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("put", [of_pipe, of_link, of_folder])
def test_papers_in_whose_place_something_else_was_put_are_not_opened(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    for name in "answer", "output":
        put(tmp_path / name)
    seen = read_exit(tmp_path / "answer", tmp_path / "output")
    assert "the answer cannot be read" in seen.bug
    assert seen.output == ""


# secrets


@pytest.mark.parametrize(
    "name",
    [
        *("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_ENV", "GITHUB_OUTPUT", "ACTIONS_RUNTIME_TOKEN"),
        *("ACTIONS_ID_TOKEN_REQUEST_URL", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "NPM_CONFIG__AUTH"),
        *("CI_JOB_TOKEN", "MY_PASSWORD", "api_key", "SSH_AUTH_SOCK", "TWINE_PASSWORD"),
    ],
)
def test_secrets_do_not_reach_an_implementation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, "a secret")
    assert name not in environ(Implementation("mine"), tmp_path)
    given = Implementation("mine", environ={name: "meant for it"})
    assert environ(given, tmp_path)[name] == "meant for it"


@pytest.mark.parametrize(
    "name",
    ["PATH", "HOME", "CXX", "CUDA_VISIBLE_DEVICES", "TOKENIZERS_PARALLELISM", "CI", "KEYS_X"],
)
def test_other_variables_do(name: str) -> None:
    assert not is_private(name)


# paths


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../x",
            "/abs",
            "a/b",
            "a\\b",
            "~",
            "~root",
            ".",
            "..",
            ".x",
            "-x",
            "",
            " ",
            "a\nb",
            "a\n",
        ),
        *("a\\u0000b", "\u202ea", "é", "x" * 101),
    ],
)
def test_a_profile_whose_name_could_lead_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "mine.toml"
    escaped = json.dumps(name, ensure_ascii=False).replace("\\\\u0000", "\\u0000")
    file.write_text(f'name = {escaped}\nbackend = "eager"\n', encoding="utf-8")
    with pytest.raises(ProfileError, match=r"`name` is .*; use letters, digits, and \. _ \+ -"):
        read_profile(file)


def everything(folder: Path) -> dict[str, bytes | None]:
    """Every path under a folder, and what is in it."""
    return {
        str(each.relative_to(folder)): each.read_bytes() if each.is_file() else None
        for each in sorted(folder.rglob("*"))
    }


def test_commands_write_where_they_were_told_and_nowhere_else(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "one" / "two" / "three"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path))
    before = everything(ROOT / "conformance" / "cases")
    main(["report", str(files[0]), "-o", "report"])
    main(["merge", str(files[0]), "-o", "merged"])
    main(["diff", *map(str, files), "--format=html", "-o", "changes.html"])
    main(["summary", str(files[0]), "--format=markdown", "-o", "summary.md"])
    main(["known", str(files[0]), "-o", "known.toml"])
    main(["accept", str(files[0])])
    assert sorted(everything(tmp_path)) == [
        "one",
        "one/two",
        "one/two/three",
        "one/two/three/changes.html",
        "one/two/three/known.toml",
        "one/two/three/merged",
        "one/two/three/merged/index.html",
        "one/two/three/merged/record.jsonl",
        "one/two/three/report",
        "one/two/three/report/index.html",
        "one/two/three/summary.md",
    ]
    assert everything(ROOT / "conformance" / "cases").items() >= before.items()


@pytest.mark.parametrize(
    "attack", [*ATTACKS, '"""\nimport os\nx = """', "'''", "\\", '\\"""', "{x}"]
)
def test_accept_changes_nothing_but_literals_of_the_catalog(tmp_path: Path, attack: str) -> None:
    folder = tmp_path / "cases"
    folder.mkdir()
    module = folder / "family.py"
    module.write_text(HEAD + scenario(plain(parse("x = 1"))).rstrip("\n") + "\n")
    [entry] = catalog.read_module(module)
    before, outside = ast.dump(blanked(module)), everything(tmp_path)
    told = (Told("x", attack), Told("y", attack.replace("\n", " ")))
    header = json.loads(json.dumps(ordinary_header(entry)))
    header["scenarios"][entry.id]["file"] = "../../../elsewhere.py"
    each = replace(
        ordinary(),
        trial=replace(ordinary().trial, scenario=entry.id, variant=""),
        judgement=replace(ordinary().judgement, verdict=Verdict.FAIL),
        expected="x = 1\n",
        known=None,
        exit=Exit(
            Observation(story=told, versions={"torch": attack, "python": attack}, ended=True)
        ),
    )
    found = accept.accept(Record(header, (each,), {}), [entry])
    accept.write(found)
    assert ast.dump(blanked(module)) == before
    assert sorted(everything(tmp_path)) == sorted(outside)
    if not found.refusals:
        [again] = catalog.read_module(module)
        assert parse(literals.canonical(again.stories[0][1])) == told
    assert adoption.render(adoption.suggest([each], [], date(2026, 1, 1)))


def ordinary_header(entry: catalog.Entry) -> dict[str, Any]:
    return {
        "suite": {"catalog": catalog.digest([entry])},
        "plan": [{"scenario": entry.id, "variant": "", "implementation": "mine"}],
        "scenarios": {entry.id: {}},
    }


def blanked(module: Path) -> ast.Module:
    """The module's syntax without what its stories say."""
    found = ast.parse(module.read_text())
    for node in ast.walk(found):
        if isinstance(node, ast.keyword) and node.arg == "expect":
            ast.literal_eval(node.value)
            node.value = ast.Constant("")
    return found

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from conftest import HANGS
from test_record import controls

from harness import catalog
from harness.model import (
    MEANING,
    Difference,
    Exit,
    Failure,
    Judgement,
    Known,
    Observation,
    Result,
    Trial,
    Verdict,
)
from harness.record import Record
from harness.story import Call, Note, Tier, Told
from reports import html
from reports.text import SIDE_BY_SIDE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOSTILE = (
    "<script>document.documentElement.dataset.owned='1'</script></script><!--"
    "<img src=x onerror=\"document.documentElement.dataset.owned='1'\">"
    "\"'` onmouseover=alert(1) &lt;b&gt; \u2028\u2029 \u202eright to left\u202c "
    "\u05e9\u05dc\u05d5\u05dd \U0001f525 {{ 7 * 7 }} javascript:alert(1) " + "long" * 300
)
STORY = "call 1: compiles, equals eager\ncall 2: reuses, equals eager\n"
TOLD = (
    Call(1, "compiles", "equals eager", graphs=1),
    Call(2, "compiles", "equals eager", graphs=1),
)
GUARDS = "TREE_GUARD_MANAGER:\n+- RootGuardManager with a line that is long enough\n" * 4


def described(scenario: str, text: str) -> dict[str, Any]:
    return {
        "claim": f"The claim of {scenario}. {text}",
        "ref": f"a reference {text}",
        "file": f"conformance/cases/{scenario.partition('/')[0]}.py",
        "line": 12,
        "source": f"@scenario(...)\ndef name(s):\n    '''{text}'''",
        "axes": {"size": [1, text]},
        "needs": [text],
        "seed": [text],
        "tiers": {"ops": "must"},
        "exact": text,
        "torch": text,
        "stories": [{"condition": text, "story": f"\n    {STORY}"}],
    }


def implementation(name: str, text: str = "") -> dict[str, Any]:
    return {
        "argument": f"{name}{text}",
        "profile": {
            "name": name,
            "device": "cpu",
            "options": {text or "a": text},
            "modules": [text],
        },
        "fingerprint": {"torch": "2.13.0", "packages": {"numpy": f"2.0{text}"}},
    }


def recorded(results: list[Result], *, without: tuple[Trial, ...] = (), text: str = "") -> Record:
    planned = [result.trial for result in results] + list(without)
    return Record(
        header={
            "record": "header",
            "format": 1,
            "suite": {"version": f"0.1.0{text}", "catalog": "0123456789abcdef", "scenarios": 2},
            "started": f"2026-11-21T08:27:32+00:00{text}",
            "command": ["run", f"--report={text}"],
            "host": {"platform": f"Linux{text}", "python": "3.11.7"},
            "isolation": f"fork{text}",
            "time_limit": 60.0,
            "memory_limit": 1 << 33,
            "plan_digest": "fedcba9876543210",
            "controls": controls(list(dict.fromkeys(each.implementation for each in planned))),
            "plan": [
                {
                    "scenario": each.scenario,
                    "variant": each.variant,
                    "implementation": each.implementation,
                }
                for each in planned
            ],
            "scenarios": {each.scenario: described(each.scenario, text) for each in planned},
            "implementations": {
                name: implementation(name, text)
                for name in dict.fromkeys(each.implementation for each in planned)
            },
        },
        results=tuple(results),
        footer={"record": "footer", "verdicts": {}, "results": len(results), "seconds": 1.5},
    )


def result(trial: Trial, verdict: Verdict, text: str = "") -> Result:
    differences = (
        Difference(0, "outcome", Tier.MUST, f"equals eager{text}", text or "differs from eager"),
        Difference(1, "compiles", Tier.SHOULD, "reuses", "compiles"),
    )
    made = Judgement(
        verdict,
        f"reason of {verdict} {text}",
        None if verdict.conforms else Tier.SHOULD,
        "compile" if verdict is Verdict.ERROR else "",
        () if verdict.conforms else differences,
        (Tier.MUST, Tier.SHOULD),
        (Tier.MUST, Tier.SHOULD) if verdict.conforms else (Tier.MUST,),
        f"call 2 compiles {text}",
    )
    story = (*TOLD, Note(f"weight {text}", "equals eager"), Told("graph", f"a\nb {text}", Tier.MAY))
    evidence: tuple[Mapping[str, Any], ...] = (
        {
            "compilations": [
                {
                    "id": f"0/0{text}",
                    "function": f"<lambda>{text}",
                    "ops": 1,
                    "graphs": [f"class GraphModule:\n    {text}"],
                    "guards": GUARDS + text,
                    "reason": f"size mismatch {text}",
                    "breaks": [text],
                    "failure": text,
                }
            ],
            "regions": 1,
            "seconds": 0.02,
            "logs": [text],
            "error": {"type": f"ValueError{text}", "message": text, "phase": "run"},
            "differences": [
                {"property": text, "place": text, "expected": text, "told": "nan"},
            ],
            f"$new{text}": {"$": text, "number": float("nan"), "$v": [text]},
        },
        {"compilations": [], "regions": 1, "seconds": 0.000249},
    )
    observation = Observation(
        story=story,
        evidence=evidence,
        versions={"torch": "2.13.0", text or "python": "3.11.7"},
        failure=Failure("compile", f"ValueError{text}", f"message {text}", f"Traceback {text}"),
        bug=f"our own Traceback {text}" if verdict is Verdict.BUG else "",
        ended=verdict is not Verdict.CRASH,
        channels={"guards": "available", f"graphs{text}": f"unavailable, because {text}"},
        artefacts=(f"the captured graph{text}", f"the captured graph{text}"),
    )
    known = Known(
        "a/*", "*", f"call 2 {text}", f"a known reason {text}", text or "https://example.org/1"
    )
    return Result(
        trial,
        made,
        f"{STORY}weight{text}: equals eager\n" if text else STORY,
        f"torch<2.14 {text}",
        Exit(
            observation,
            status=-11 if verdict is Verdict.CRASH else 0,
            timed_out=verdict is Verdict.TIMEOUT,
            output=f"printed {text}",
            seconds=1.25,
            leftovers=2,
        ),
        known if verdict in (Verdict.XFAIL, Verdict.XPASS) else None,
    )


def every_verdict(text: str = "") -> Record:
    """One trial for each verdict, in two families, and one trial that has no result."""
    results = [
        result(Trial(f"{'ab'[n % 2]}/is_{verdict}", f"size={n}", "eager"), verdict, text)
        for n, verdict in enumerate(Verdict)
    ]
    return recorded(results, without=(Trial("a/never_ran", "", "eager"),), text=text)


class Page(HTMLParser):
    """Elements as (tag, attributes), the visible text, and the texts of script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.raw: dict[str, str] = {}
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "rect", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            kind = self.elements[-1][1].get("type") or self.open[-1]
            self.raw[kind] = self.raw.get(kind, "") + data
        else:
            self.text += data

    def attributes(self, name: str) -> list[str]:
        return [each[name] or "" for _, each in self.elements if name in each]

    @property
    def data(self) -> dict[str, Any]:
        packed = base64.b64decode(self.raw["application/gzip"])
        found: dict[str, Any] = json.loads(gzip.decompress(packed))
        return found


def page_of(record: Record) -> Page:
    return Page(html.build(record))


def whole(value: Any, pool: list[Any]) -> Any:  # noqa: ANN401 - any JSON value
    """What page.js makes of a packed value."""
    match value:
        case {"$": int(place)}:
            entry = pool[place]
            if isinstance(entry, list):
                return "\n".join(pool[line] for line in entry)
            return entry if isinstance(entry, str) else whole(entry["v"], pool)
        case dict():
            return {key.removeprefix("$"): whole(each, pool) for key, each in value.items()}
        case list():
            return [whole(each, pool) for each in value]
        case _:
            return value


def ids(data: dict[str, Any]) -> list[str]:
    found = []
    for each in data["trials"]:
        variant = whole(each["variant"], data["pool"])
        trial = Trial(
            data["scenarios"][each["scenario"]]["id"],
            variant,
            data["implementations"][each["implementation"]]["name"],
        )
        found.append(trial.id)
    return found


def test_building_twice_gives_the_same_page_and_changes_nothing() -> None:
    record = every_verdict()
    before = repr(record)
    assert html.build(record) == html.build(record)
    assert repr(record) == before


@pytest.mark.parametrize("text", ["", HOSTILE])
def test_the_page_is_well_formed(text: str) -> None:
    page = page_of(every_verdict(text))
    assert page.open == []
    names = page.attributes("id")
    assert len(names) == len(set(names))


def test_every_verdict_has_a_style_a_glyph_and_a_legend_entry() -> None:
    page = page_of(recorded([result(Trial("a/one", "", "eager"), Verdict.PASS)]))
    for verdict in Verdict:
        assert f".v-{verdict} {{ --tone:" in page.raw["style"]
        assert MEANING[verdict] in page.text
        assert html.GLYPHS[verdict] in page.text
    assert len(set(html.GLYPHS.values())) == len(Verdict)


def test_counts_stand_in_the_page_by_tier_and_there_is_no_grade() -> None:
    text = " ".join(page_of(every_verdict()).text.split())
    assert "must 11/12/14 should 2/11/13" in text
    assert not re.search(r"\d\s*%", text)


def test_many_implementations_have_a_row_each_over_all_families() -> None:
    names = [f"mine-{number}" for number in range(SIDE_BY_SIDE)]
    few = [result(Trial("a/x", "", on), Verdict.PASS) for on in names]
    many = [
        *few,
        result(Trial("a/x", "", "a b&c"), Verdict.FAIL),
        result(Trial("b/x", "", "a b&c"), Verdict.XFAIL),
    ]
    markup = html.build(recorded(many))
    rows = re.findall('<tr><th scope="row">(.*?)</tr>', markup)
    cells = [re.sub("<[^>]*>", "", re.sub("</t[dh]><td", "|<td", each)) for each in rows]
    assert cells == [
        *(f"{name}|2.13.0 on cpu|1/1|1/1||0|0" for name in names),
        "a b&amp;c|2.13.0 on cpu|2/2|0/2||1|1",
    ]
    assert '"#implementation=a%20b%26c"' in markup
    assert '"#verdict=xfail&amp;implementation=a%20b%26c"' in markup
    assert 'id="implementations"' not in html.build(recorded(few))


def test_claims_stand_in_the_page_next_to_what_trials_show() -> None:
    results = [result(Trial("a/x", "", on), Verdict.PASS) for on in ("mine", "other")]
    stopped = result(Trial("a/x", "", "stopped"), Verdict.ERROR)
    failure = Failure("environment", "IsolationError", "no interpreter")
    exit_ = Exit(Observation(failure=failure, ended=True))
    record = recorded([*results, replace(stopped, exit=exit_)], text="fullgraph")
    record.header["implementations"]["mine"]["profile"]["claims"] = ["fullgraph"]
    text = " ".join(page_of(record).text.split())
    assert (
        "or refused with an error. fullgraph mine ✓ confirmed 1/1 other + not claimed, but passes 1/1 "
        "stopped could not run"
    ) in text


def test_hostile_texts_make_no_element_and_no_attribute() -> None:
    tame = page_of(every_verdict())
    page = page_of(every_verdict(HOSTILE))
    kinds = {tag for tag, _ in tame.elements}
    assert {tag for tag, _ in page.elements} == kinds
    assert sum(tag == "script" for tag, _ in page.elements) == 2
    names = {name for _, each in page.elements for name in each}
    assert names == {name for _, each in tame.elements for name in each}
    assert all(each.startswith("#") for each in page.attributes("href"))
    assert HOSTILE[:40] in page.text


def test_the_data_block_has_no_character_that_means_something_to_html() -> None:
    page = page_of(every_verdict(HOSTILE))
    raw = page.raw["application/gzip"]
    assert not set("<>&\u2028\u2029") & set(raw)
    assert raw.isascii()


def test_data_that_was_cut_off_is_said_to_be_unread(tmp_path: Path) -> None:
    page = html.write(every_verdict(), tmp_path / "report")
    text = page.read_text("utf-8")
    data = re.search(r'application/gzip">([^<]+)', text)
    assert data
    page.write_text(text.replace(data[1], data[1][: len(data[1]) // 8 * 4]), "utf-8")
    assert not hidden(dumped(page, "", tmp_path / "profile"), "unread")


def test_hostile_texts_come_back_whole_from_the_data() -> None:
    record = every_verdict(HOSTILE)
    data = page_of(record).data
    said = whole(data["trials"][0], data["pool"])
    of = record.results[0]
    assert said["reason"] == of.judgement.reason
    assert said["channels"] == dict(of.exit.observation.channels)
    compilation = said["evidence"][0]["compilations"][0]
    assert compilation["guards"] == GUARDS + HOSTILE
    assert said["evidence"][0][f"$new{HOSTILE}"] == {
        "$": HOSTILE,
        "number": "nan",
        "$v": [HOSTILE],
    }


def test_lone_surrogates_and_control_characters_do_not_stop_the_page() -> None:
    odd = "a\ud800b\x00c"
    page = html.build(every_verdict(odd))
    assert page.encode("utf-8")


def test_every_planned_trial_is_in_the_data_also_the_one_that_did_not_run() -> None:
    record = every_verdict()
    data = page_of(record).data
    assert ids(data) == [trial.id for trial in record.planned]
    last = data["trials"][-1]
    assert data["verdicts"][last["verdict"]]["name"] == "not_run"
    assert last["command"] == "touchstone run a/never_ran --implementation eager"


def test_every_trial_that_does_not_conform_is_listed_worst_first() -> None:
    page = page_of(every_verdict())
    data = page.data
    verdicts = [data["verdicts"][data["trials"][n]["verdict"]]["name"] for n in data["deviations"]]
    assert verdicts[:3] == ["bug", "not_run", "not_run"]
    assert set(verdicts) == set(Verdict) - {"pass", "improved", "unsupported"}
    assert "a known reason" in page.text
    assert "touchstone run 'a/is_xfail[size=3]'" not in page.text
    assert "touchstone run 'b/is_xfail[size=3]' --implementation eager" in page.text


def test_a_bug_and_a_missing_result_are_stamped_on_the_page() -> None:
    text = page_of(every_verdict()).text
    assert "This report is not trustworthy: Touchstone itself failed in 1 trial." in text
    assert "This report is not complete: 2 planned trials have no result." in text


def test_a_known_deviation_without_a_reason_is_stamped_on_the_page() -> None:
    blind = result(Trial("a/one", "", "eager"), Verdict.XFAIL)
    assert blind.known is not None
    todo = dataclasses.replace(blind, known=dataclasses.replace(blind.known, reason="TODO: why"))
    assert "Not yet explained" not in page_of(recorded([blind])).text
    assert "Not yet explained: 1 trial deviates" in page_of(recorded([todo])).text


def test_a_run_without_bug_has_no_stamp() -> None:
    page = page_of(recorded([result(Trial("a/one", "", "eager"), Verdict.PASS)]))
    assert "not trustworthy" not in page.text
    assert "not complete" not in page.text
    assert "Every applicable trial conforms." in page.text


def test_the_policy_names_exactly_the_script_and_style_of_the_page() -> None:
    page = page_of(every_verdict(HOSTILE))
    [policy] = [each["content"] or "" for _, each in page.elements if "http-equiv" in each]
    found = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert found == {
        "default-src": "'none'",
        "script-src": f"'sha256-{digest(page.raw['script'])}'",
        "style-src": f"'sha256-{digest(page.raw['style'])}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not page.attributes("style")


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_script_never_parses_a_text_as_html() -> None:
    script = page_of(every_verdict()).raw["script"]
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "DOMParser",
    ):
        assert word not in script


def test_a_long_text_is_held_once() -> None:
    one = result(Trial("a/one", "", "eager"), Verdict.PASS)
    two = replace(one, trial=Trial("a/one", "", "other"))
    small = len(html.build(recorded([one])))
    both = html.build(recorded([one, two]))
    assert json.dumps(Page(both).data).count("RootGuardManager with a line") == 1
    assert len(both) - small < 3000


def test_writing_leaves_the_page_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "report"
    page = html.write(every_verdict(HOSTILE), folder)
    assert page == folder / "index.html"
    assert page.read_text(encoding="utf-8") == html.build(every_verdict(HOSTILE))
    assert list(folder.iterdir()) == [page]


def test_a_page_that_cannot_be_built_leaves_the_old_one(tmp_path: Path) -> None:
    page = html.write(every_verdict(), tmp_path)
    before = page.read_text(encoding="utf-8")
    broken = every_verdict()
    header = {name: value for name, value in broken.header.items() if name != "suite"}
    with pytest.raises(Exception, match="suite"):
        html.write(replace(broken, header=header), tmp_path)
    assert page.read_text(encoding="utf-8") == before
    assert list(tmp_path.iterdir()) == [page]


def test_a_page_that_cannot_be_put_in_place_leaves_no_part(tmp_path: Path) -> None:
    (tmp_path / "index.html").mkdir()
    with pytest.raises(OSError, match=r"index\.html"):
        html.write(every_verdict(), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["index.html"]


# In a browser


def dumped(page: Path, fragment: str, folder: Path) -> Page:
    """The document as a browser has it after the page's script has run."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium on the path")
    done = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={folder}",
            "--virtual-time-budget=5000",
            "--dump-dom",
            f"{page.as_uri()}{fragment}",
        ],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Page(done.stdout)


def visible(page: Page) -> set[str | None]:
    """The scenarios whose rows are not hidden."""
    return {
        each["data-scenario"]
        for _, each in page.elements
        if "data-scenario" in each and "hidden" not in each
    }


def hidden(page: Page, name: str) -> bool:
    [found] = [each for _, each in page.elements if each.get("id") == name]
    return "hidden" in found


def test_an_address_with_a_trial_opens_its_evidence(tmp_path: Path) -> None:
    record = every_verdict()
    page = html.write(record, tmp_path / "report")
    trial = next(r.trial for r in record.results if r.judgement.verdict is Verdict.FAIL)
    seen = dumped(page, f"#trial={quote(trial.id)}", tmp_path / "profile")
    assert hidden(seen, "overview")
    assert not hidden(seen, "detail")
    assert f"touchstone run '{trial.scenario}[{trial.variant}]' --implementation eager" in seen.text
    for text in (
        "call 2: reuses, equals eager",
        "call 2: compiles, equals eager",
        "reason of fail",
        MEANING[Verdict.FAIL],
        "class GraphModule:",
        "Exited with status 0.",
        "unavailable, because",
        "conformance/cases/",
        "Traceback",
    ):
        assert text in seen.text


def test_an_address_with_filters_hides_what_does_not_match(tmp_path: Path) -> None:
    page = html.write(every_verdict(), tmp_path / "report")
    seen = dumped(page, "#verdict=fail,crash&q=reason", tmp_path / "profile")
    assert visible(seen) == {"b/is_fail", "b/is_crash"}
    assert "Showing 2 of 14 trials, in 2 of 14 scenarios." in seen.text
    assert "Not conforming 2 of 11" in seen.text
    assert hidden(seen, "empty")


def test_an_address_whose_filters_match_nothing_says_so(tmp_path: Path) -> None:
    page = html.write(every_verdict(), tmp_path / "report")
    seen = dumped(page, "#q=nothing-has-this-word", tmp_path / "profile")
    assert visible(seen) == set()
    assert not hidden(seen, "empty")


def test_an_unknown_trial_is_answered_with_a_sentence(tmp_path: Path) -> None:
    page = html.write(every_verdict(), tmp_path / "report")
    seen = dumped(page, "#trial=a/no_such @ eager", tmp_path / "profile")
    assert "This record has no such trial" in seen.text


@pytest.mark.parametrize("verdict", [Verdict.BUG, Verdict.XFAIL])
def test_no_hostile_text_runs_in_a_browser(tmp_path: Path, verdict: Verdict) -> None:
    record = every_verdict(HOSTILE)
    page = html.write(record, tmp_path / "report")
    trial = next(r.trial for r in record.results if r.judgement.verdict is verdict)
    seen = dumped(page, f"#trial={quote(trial.id)}", tmp_path / "profile")
    assert not seen.attributes("data-owned")
    assert not seen.attributes("onerror")
    assert not [tag for tag, _ in seen.elements if tag == "img"]
    assert all(each.startswith("#") for each in seen.attributes("href"))
    assert f"reason of {verdict} {HOSTILE[:60]}" in seen.text


def test_a_click_opens_a_trial_and_the_way_back_leads_to_the_filtered_overview(
    tmp_path: Path,
) -> None:
    page = html.write(every_verdict(), tmp_path / "report")
    drive(
        page,
        """
        const wait = () => new Promise((done) => setTimeout(done, 200));
        const at = (id) => document.getElementById(id);
        const seen = [];
        document.querySelector("[data-verdict=flaky]").click();
        seen.push(location.hash, at("shown").textContent);
        document.querySelector(".row.scenario:not([hidden]) a.chip").click();
        await wait();
        seen.push(location.hash, at("detail").hidden, at("overview").hidden);
        history.back();
        await wait();
        seen.push(location.hash, at("detail").hidden, at("overview").hidden);
        at("clear").click();
        seen.push(at("shown").textContent);
        document.querySelector("#list a").click();
        await wait();
        const links = document.querySelectorAll(".pager a");
        links[1].click();
        await wait();
        seen.push(decodeURIComponent(location.hash));
        document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
        await wait();
        seen.push(at("overview").hidden);
        at("theme").click();
        seen.push(document.documentElement.dataset.theme);
        """,
    )
    done = dumped(page, "", tmp_path / "profile")
    [seen] = done.attributes("data-seen")
    assert json.loads(seen) == [
        "#verdict=flaky",
        "Showing 1 of 14 trials, in 1 of 14 scenarios.",
        "#trial=a/is_flaky%5Bsize%3D10%5D%20%40%20eager&verdict=flaky",
        False,
        True,
        "#verdict=flaky",
        True,
        False,
        "Showing all 14 trials of 14 scenarios.",
        "#trial=b/is_not_run[size=11] @ eager",
        False,
        "dark",
    ]


def drive(page: Path, script: str) -> None:
    """Let a script of the test act on the page, whose policy would not let it."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text("utf-8"))
    ready = "while (!('ready' in document.documentElement.dataset)) await new Promise((go) => setTimeout(go, 20));"
    acting = f"{ready} {script}; document.documentElement.dataset.seen = JSON.stringify(seen);"
    page.write_text(f"{text}<script>(async () => {{{acting}}})();</script>", "utf-8")


def test_a_trial_that_deviates_can_be_saved_as_a_file(tmp_path: Path) -> None:
    entry = catalog.read()[0]
    record = every_verdict()
    deviating = next(r for r in record.results if r.judgement.verdict is Verdict.FAIL)
    variant = catalog.variants(entry)[0]
    trial = replace(deviating.trial, scenario=entry.id, variant=variant.id)
    scenarios = {
        **record.header["scenarios"],
        entry.id: {**next(iter(record.header["scenarios"].values())), "source": entry.source},
    }
    mine = replace(
        record,
        header={
            **record.header,
            "scenarios": scenarios,
            "plan": [*record.header["plan"], dataclasses.asdict(trial)],
        },
        results=(*record.results, replace(deviating, trial=trial)),
    )
    page = html.write(mine, tmp_path / "report")
    seen = dumped(page, f"#trial={quote(trial.id)}", tmp_path / "profile")
    assert "python repro-" in seen.text
    assert seen.text.count("Save") == 1
    other = dumped(page, f"#trial={quote(deviating.trial.id)}", tmp_path / "profile")
    assert "python repro-" not in other.text  # the catalog has no such scenario

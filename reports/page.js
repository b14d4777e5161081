"use strict";
// The page's behaviour: filters, the trial in the address, and what is shown of it. Everything that comes
// from the record becomes a text node or a checked address; nothing is ever parsed as HTML.
(async () => {
  const byId = (id) => document.getElementById(id);
  const data = await unpack(byId("data").textContent).catch(() => null);
  if (data === null) {
    byId("unread").hidden = false;
    return;
  }
  const PAGE = 100; // deviations shown at a time
  const AUTO = 150; // up to so many matching scenarios, a filter opens their families

  // Values

  /** What the page carries: JSON, compressed, as text. */
  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  /** The value with every reference replaced by what it refers to. */
  function whole(value) {
    if (Array.isArray(value)) return value.map(whole);
    if (value === null || typeof value !== "object") return value;
    if (Object.hasOwn(value, "$")) return pooled(data.pool[value.$]);
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key.startsWith("$") ? key.slice(1) : key, whole(each)]),
    );
  }
  function pooled(entry) {
    if (typeof entry === "string") return entry;
    if (Array.isArray(entry)) return entry.map((line) => data.pool[line]).join("\n");
    return whole(entry.v);
  }

  const scenarios = data.scenarios.map((each) => ({ id: each.id, claim: whole(each.claim), family: each.id.split("/")[0] }));
  const trials = data.trials.map((each, place) => {
    const scenario = scenarios[each.scenario];
    const variant = whole(each.variant);
    const name = variant ? `${scenario.id}[${variant}]` : scenario.id;
    const implementation = data.implementations[each.implementation].name;
    return {
      place,
      scenario,
      variant,
      name,
      id: `${name} @ ${implementation}`,
      implementation,
      column: each.implementation,
      verdict: data.verdicts[each.verdict],
      rank: each.verdict,
      tier: each.tier || "",
    };
  });
  const placeOf = new Map(trials.map((each) => [each.id, each.place]));
  const ofScenario = new Map();
  for (const each of trials) {
    if (!ofScenario.has(each.scenario.id)) ofScenario.set(each.scenario.id, []);
    ofScenario.get(each.scenario.id).push(each);
  }
  const reasonOf = (trial) => whole(data.trials[trial.place].reason) || "";
  const knownOf = (trial) => whole(data.trials[trial.place].known) || null;
  const commandOf = (trial) => data.trials[trial.place].command;
  function haystack(trial) {
    trial.text ??= `${trial.id}\n${trial.scenario.claim}\n${reasonOf(trial)}`.toLowerCase();
    return trial.text;
  }

  // Elements

  /** An element; strings among the children become text. Attribute names are ours, never the record's. */
  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat(3).filter((each) => each !== null && each !== undefined && each !== ""));
    return node;
  }
  function marks(verdict, count = 1) {
    return [
      el("span", { class: "glyph", "aria-hidden": "true" }, verdict.glyph),
      ` ${verdict.word}`,
      count > 1 ? el("span", { class: "times" }, ` ×${count}`) : null,
    ];
  }
  const chip = (verdict) => el("span", { class: `chip v-${verdict.name}`, title: verdict.meaning }, marks(verdict));
  function trialChip(trial, attributes = {}) {
    return el(
      "a",
      {
        class: `chip v-${trial.verdict.name}`,
        href: address({ ...state, trial: trial.id }),
        title: reasonOf(trial) || trial.verdict.meaning,
        "aria-label": `${trial.verdict.word}: ${trial.id}`,
        ...attributes,
      },
      marks(trial.verdict),
    );
  }
  function link(target, text) {
    if (!/^https?:\/\//i.test(target)) return el("span", {}, text || target);
    return el("a", { href: target, rel: "noopener noreferrer", target: "_blank" }, text || target);
  }
  function pre(text, attributes = {}) {
    if (text === "") return el("p", { class: "none" }, "(empty)");
    return el("pre", { tabindex: "0", ...attributes }, text);
  }
  function command(text) {
    const shown = pre(text, { class: "command", "aria-label": "Command that runs this trial again" });
    const button = el("button", { type: "button", onclick: () => copy(text, shown, button) }, "Copy");
    return el("div", { class: "run" }, shown, button);
  }
  async function copy(text, shown, button) {
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch {
      const range = document.createRange();
      range.selectNodeContents(shown);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      done = document.execCommand("copy");
    }
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    setTimeout(() => {
      button.textContent = "Copy";
    }, 1500);
  }
  /** A disclosure whose content is made when it is first opened. */
  function box(summary, make, { open = false, className = "" } = {}) {
    const node = el("details", { class: `box ${className}` }, el("summary", {}, summary));
    let made = false;
    const fill = () => {
      if (made || !node.open) return;
      made = true;
      node.append(el("div", {}, make()));
    };
    node.addEventListener("toggle", fill);
    node.open = open;
    fill();
    return node;
  }
  const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
  function time(seconds) {
    const number = Number(seconds);
    if (!Number.isFinite(number)) return `${seconds} s`;
    return number < 1 ? `${(number * 1000).toFixed(number < 0.01 ? 2 : 0)} ms` : `${number.toFixed(2)} s`;
  }
  const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 1));

  /** A literal as Python writes it, as ids of variants do. */
  const literal = (value) => ({ true: "True", false: "False", null: "None" })[String(value)] ?? plain(value);

  // The address: #trial=<id>&q=...&verdict=fail,error&family=...&implementation=...&tier=...

  const NAMES = ["trial", "q", "verdict", "family", "implementation", "tier"];
  const FILTERS = NAMES.slice(1);
  let state = read();

  function read(hash = location.hash) {
    const found = Object.fromEntries(NAMES.map((name) => [name, ""]));
    for (const part of hash.slice(1).split("&")) {
      const [name, ...rest] = part.split("=");
      if (NAMES.includes(name)) found[name] = decoded(rest.join("="));
    }
    return found;
  }
  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }
  function address(wanted) {
    const encoded = (text) => encodeURIComponent(text.toWellFormed ? text.toWellFormed() : text).replaceAll("%2F", "/");
    const parts = NAMES.filter((name) => wanted[name]).map((name) => `${name}=${encoded(wanted[name]).replaceAll("%2C", ",")}`);
    return `#${parts.join("&")}`;
  }
  const filtered = () => FILTERS.some((name) => state[name]);

  /** Change filters without another step in the browser's history. */
  function filter(change) {
    state = { ...state, ...change };
    try {
      history.replaceState(history.state, "", address(state));
    } catch {
      location.replace(address(state));
    }
    overview();
  }
  const verdictsOf = (text) => text.split(",").filter(Boolean);

  let matched = { key: null, trials: trials };
  /** The trials that the filters let through. */
  function shown() {
    const key = FILTERS.map((name) => state[name]).join("\u0000");
    if (matched.key === key) return matched.trials;
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = verdictsOf(state.verdict);
    const found = trials.filter(
      (each) =>
        (!verdicts.length || verdicts.includes(each.verdict.name)) &&
        (!state.family || each.scenario.family === state.family) &&
        (!state.implementation || each.implementation === state.implementation) &&
        (!state.tier || each.tier === state.tier) &&
        words.every((word) => haystack(each).includes(word)),
    );
    matched = { key, trials: found };
    return found;
  }

  // The overview

  const families = [...document.querySelectorAll("details.family")];
  const rows = new Map([...document.querySelectorAll(".row.scenario")].map((row) => [row.dataset.scenario, row]));
  const rowsOf = new Map(families.map((family) => [family, [...family.querySelectorAll(".row.scenario")]]));
  const opened = new Set(); // families that a filter opened
  let listed = PAGE;
  let grouped = new Map();

  function overview() {
    byId("detail").hidden = true;
    byId("overview").hidden = byId("about").hidden = false;
    document.title = title;
    controls();
    const found = shown();
    grouped = Map.groupBy ? Map.groupBy(found, (each) => each.scenario.id) : group(found);
    const active = filtered();
    byId("shown").textContent = active
      ? `Showing ${found.length.toLocaleString("en")} of ${plural(trials.length, "trial")}, in ${grouped.size.toLocaleString("en")} of ${plural(ofScenario.size, "scenario")}.`
      : `Showing all ${plural(trials.length, "trial")} of ${plural(ofScenario.size, "scenario")}.`;
    byId("empty").hidden = found.length > 0;
    byId("matrix").hidden = byId("deviations").hidden = found.length === 0;
    for (const family of families) {
      let any = false;
      for (const row of rowsOf.get(family)) {
        row.hidden = !grouped.has(row.dataset.scenario);
        any ||= !row.hidden;
        collapse(row);
      }
      family.hidden = !any;
      if (active && any && grouped.size <= AUTO && !family.open) {
        family.open = true;
        opened.add(family);
      } else if (!active && opened.delete(family)) {
        family.open = false;
      }
      if (family.open) fill(family);
    }
    columns();
    listed = PAGE;
    deviations();
  }
  function group(found) {
    const groups = new Map();
    for (const each of found) groups.set(each.scenario.id, [...(groups.get(each.scenario.id) || []), each]);
    return groups;
  }
  function controls() {
    if (byId("q").value !== state.q) byId("q").value = state.q;
    for (const name of ["family", "implementation", "tier"]) byId(name).value = state[name];
    const verdicts = verdictsOf(state.verdict);
    for (const button of document.querySelectorAll("[data-verdict]")) {
      button.setAttribute("aria-pressed", String(verdicts.includes(button.dataset.verdict)));
    }
    byId("clear").hidden = !filtered();
  }
  /** Show only the chosen implementation's column. */
  function columns() {
    const chosen = data.implementations.findIndex((each) => each.name === state.implementation);
    const matrix = document.querySelector(".matrix");
    matrix.style.setProperty("--columns", String(chosen < 0 ? data.implementations.length : 1));
    for (const row of matrix.querySelectorAll(".row")) {
      row.querySelectorAll(":scope > .cell").forEach((cell, place) => {
        cell.hidden = chosen >= 0 && place !== chosen;
      });
    }
  }
  /** Put chips for the trials that are shown into the rows of an open family. */
  function fill(family) {
    for (const row of rowsOf.get(family)) {
      if (row.hidden) continue;
      const found = grouped.get(row.dataset.scenario) || [];
      const cells = row.querySelectorAll(":scope > .cell");
      cells.forEach((cell, column) => {
        const label = cell.querySelector(".label");
        cell.replaceChildren(label, ...chips(row, found.filter((each) => each.column === column)));
      });
      const what = row.querySelector(".what");
      what.querySelector(".more")?.remove();
      const variants = new Set(found.map((each) => each.variant)).size;
      if (variants > 1) {
        what.append(el("button", { type: "button", class: "more", "aria-expanded": "false", onclick: () => expand(row) }, plural(variants, "variant")));
      }
    }
  }
  function chips(row, found) {
    const groups = new Map();
    for (const each of found) groups.set(each.rank, [...(groups.get(each.rank) || []), each]);
    const made = [];
    for (const rank of [...groups.keys()].sort((left, right) => right - left)) {
      const of = groups.get(rank);
      const verdict = of[0].verdict;
      made.push(
        of.length === 1
          ? trialChip(of[0])
          : el("button", { type: "button", class: `chip v-${verdict.name}`, title: `Show the ${of.length} variants`, onclick: () => expand(row, true) }, marks(verdict, of.length)),
        " ",
      );
    }
    return made.length ? made : [el("span", { class: "none" }, "–")];
  }
  function collapse(row) {
    if (row.nextElementSibling?.classList.contains("variants")) row.nextElementSibling.remove();
    row.querySelector(".more")?.setAttribute("aria-expanded", "false");
  }
  /** Show or hide the variants of a scenario. */
  function expand(row, keep = false) {
    const open = row.nextElementSibling?.classList.contains("variants");
    if (open && keep) return;
    collapse(row);
    if (open) return;
    const variants = new Map();
    for (const each of grouped.get(row.dataset.scenario) || []) {
      if (!variants.has(each.variant)) variants.set(each.variant, []);
      variants.get(each.variant).push(each);
    }
    const made = [...variants].map(([variant, found]) =>
      el(
        "div",
        { class: "row" },
        el("div", { class: "what" }, variant || "(no settings)"),
        data.implementations.map((implementation, column) => {
          const of = found.find((each) => each.column === column);
          return el("div", { class: "cell" }, el("span", { class: "label" }, implementation.name), of ? trialChip(of) : el("span", { class: "none" }, "–"));
        }),
      ),
    );
    row.after(el("div", { class: "variants" }, made));
    row.querySelector(".more")?.setAttribute("aria-expanded", "true");
    columns();
  }
  function deviations() {
    const list = byId("list");
    if (!list) return;
    const let_through = new Set(shown());
    const found = data.deviations.map((place) => trials[place]).filter((each) => let_through.has(each));
    list.replaceChildren(...found.slice(0, listed).map(deviation));
    document.querySelector("#deviations-title .times").textContent =
      found.length === data.deviations.length ? String(found.length) : `${found.length} of ${data.deviations.length}`;
    const rest = byId("rest");
    rest.replaceChildren();
    if (!found.length) rest.append("None of the trials shown deviates.");
    if (found.length > listed) {
      rest.append(
        el("button", { type: "button", onclick: () => { listed += PAGE; deviations(); } }, `Show ${Math.min(PAGE, found.length - listed)} more of ${found.length - listed}`),
      );
    }
  }
  function deviation(trial) {
    return el(
      "li",
      {},
      el(
        "p",
        {},
        chip(trial.verdict),
        " ",
        trial.tier ? el("span", { class: "tier" }, trial.tier) : null,
        " ",
        el("a", { href: address({ ...state, trial: trial.id }) }, el("code", {}, trial.id)),
      ),
      el("p", { class: "claim" }, trial.scenario.claim),
      reason(trial, knownOf(trial)),
      command(commandOf(trial)),
    );
  }
  /** Why a trial got its verdict; a known deviation says its reason once. */
  function reason(trial, known) {
    const text = reasonOf(trial);
    const parts = [];
    if (text && !(known && known[1] === text)) parts.push(el("p", { class: "reason" }, text));
    if (known) {
      const [, why, where, expires] = known;
      parts.push(
        el("p", { class: "known" }, "Known deviation: ", why, where ? [" ", link(where)] : null, expires ? ` (entry expires on ${expires})` : null),
      );
    }
    return parts;
  }

  // One trial

  function detail() {
    const node = byId("detail");
    byId("overview").hidden = byId("about").hidden = true;
    node.hidden = false;
    const place = placeOf.get(state.trial);
    if (place === undefined) {
      document.title = `Unknown trial - ${title}`;
      node.replaceChildren(
        pager(null),
        el("h2", {}, "This record has no such trial"),
        el("p", {}, el("code", {}, state.trial)),
        el("p", {}, "Its scenario may have another name by now, or its implementation was not part of this run."),
      );
    } else {
      document.title = `${trials[place].id} - ${title}`;
      try {
        node.replaceChildren(pager(trials[place]), ...parts(trials[place]));
      } catch (error) {
        node.replaceChildren(pager(trials[place]), el("h2", {}, "This trial cannot be shown"), pre(String(error?.stack || error)));
      }
    }
    node.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  function pager(trial) {
    const found = shown();
    const at = trial ? found.indexOf(trial) : -1;
    const step = (text, to) =>
      to ? el("a", { href: address({ ...state, trial: to.id }), title: to.id }, text) : el("a", { "aria-disabled": "true" }, text);
    return el(
      "nav",
      { class: "pager", "aria-label": "Trials" },
      el("a", { href: address({ ...state, trial: "" }), id: "back" }, "← Overview"),
      trial && at >= 0
        ? [
            step("‹ Previous", found[at - 1]),
            step("Next ›", found[at + 1]),
            el("span", { class: "place" }, `Trial ${at + 1} of ${found.length}${filtered() ? " that the filters show" : ""}`),
          ]
        : null,
    );
  }
  function parts(trial) {
    const scenario = whole(data.scenarios[data.trials[trial.place].scenario]);
    const said = whole(data.trials[trial.place]);
    const implementation = data.implementations[trial.column];
    return [
      el("h2", {}, scenario.claim),
      el("p", {}, el("code", {}, trial.id)),
      el(
        "div",
        { class: `verdict v-${trial.verdict.name}` },
        el("p", {}, chip(trial.verdict), " ", trial.tier ? [el("span", { class: "tier badge" }, trial.tier), " "] : null, trial.verdict.meaning, "."),
        reason(trial, said.known || null),
      ),
      command(said.command),
      repro(said),
      elsewhere(trial),
      facts(trial, scenario, said),
      story(scenario, said),
      failure(said),
      events(said),
      attempts(said),
      process(said),
      channels(said),
      el("h3", {}, "Scenario"),
      el("p", { class: "hint" }, el("code", {}, `${scenario.file}:${scenario.line}`)),
      pre(scenario.source || "", { "aria-label": "Source of the scenario" }),
      el("h3", {}, "Implementation"),
      box(`Profile of ${implementation.name}`, () => table(whole(implementation.profile))),
      box("Fingerprint: versions, machine and packages", () => table(whole(implementation.fingerprint))),
      said.versions ? box("Versions that the trial's process imported", () => table(said.versions)) : null,
    ].flat().filter(Boolean);
  }
  /** The trial as a file that needs only torch and the implementation, made when it is asked for. */
  function repro(said) {
    if (!said.repro) return null;
    const { name, head, runtime, tail } = said.repro;
    const save = () => {
      const file = URL.createObjectURL(new Blob([head, runtime, tail], { type: "text/x-python" }));
      el("a", { href: file, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(file), 1000);
    };
    return el(
      "div",
      { class: "run" },
      pre(`python ${name}`, { class: "command", "aria-label": "The trial outside Touchstone: one file that needs only torch and the implementation" }),
      el("button", { type: "button", onclick: save, title: "One file that needs only torch and the implementation" }, "Save"),
    );
  }
  function elsewhere(trial) {
    const all = ofScenario.get(trial.scenario.id);
    const same = all.filter((each) => each.variant === trial.variant);
    const variants = all.filter((each) => each.column === trial.column);
    const row = (text, found, name) =>
      found.length > 1
        ? el(
            "div",
            { class: "elsewhere" },
            el("span", { class: "hint" }, text),
            found.slice(0, 60).map((each) => [
              el("span", { class: "one" }, el("code", {}, name(each)), " ", trialChip(each, each === trial ? { "aria-current": "true" } : {})),
              " ",
            ]),
            found.length > 60 ? ` and ${found.length - 60} more` : null,
          )
        : null;
    return [
      row("On each implementation:", same, (each) => each.implementation),
      row("In each variant:", variants, (each) => each.variant || "(no settings)"),
    ];
  }
  function facts(trial, scenario, said) {
    const axes = Object.entries(scenario.axes || {});
    const list = el("dl", { class: "pairs" });
    const add = (name, ...value) => {
      if (value.flat().some((each) => each !== "" && each !== null && each !== undefined)) list.append(el("dt", {}, name), el("dd", {}, ...value));
    };
    add("Variant", trial.variant ? el("code", {}, trial.variant) : "");
    add("Axes", axes.map(([axis, values]) => `${axis}: ${values.map(literal).join(", ")}`).join("\n"));
    add("Condition of the story", said.condition || "");
    add("Reference", scenario.ref || "");
    add("Seeded by", (scenario.seed || []).join(", "));
    add("Needs", (scenario.needs || []).join(", "));
    add("Speaks of torch", scenario.torch || "");
    add("Unusual tiers", Object.entries(scenario.tiers || {}).map(([facet, tier]) => `${facet}: ${tier}`).join(", "));
    add("Exact", scenario.exact ? `fewer compilations break the claim too: ${plain(scenario.exact)}` : "");
    add("Promises", (said.promised || []).map((tier) => `${tier}: ${(said.kept || []).includes(tier) ? "kept" : "not kept"}`).join(", "));
    add("Phase of the error", said.phase || "");
    add("Deviation in short", said.signature ? el("code", {}, said.signature) : "");
    add("Took", said.seconds ? time(said.seconds) : "");
    return list;
  }

  // The story, side by side: one row an event, as the judge compared them

  function story(scenario, said) {
    const expected = said.expected || [];
    const told = said.told || [];
    const heading = el("h3", {}, "Story");
    if (!expected.length && !told.length) {
      return [
        heading,
        el("p", { class: "hint" }, "This trial told nothing. The scenario's story is:"),
        (scenario.stories || []).map((each) => [each.condition ? el("h4", {}, `when ${each.condition}`) : null, pre(dedent(each.story), { class: "wrap" })]),
      ];
    }
    const by = new Map();
    for (const each of said.differences || []) by.set(each[0], [...(by.get(each[0]) || []), each]);
    const rows = [];
    for (let event = 0; event < Math.max(expected.length, told.length); event++) {
      rows.push({ expected: expected[event], told: told[event], differences: by.get(event) || [] });
    }
    const counted = rows.filter((row) => row.differences.length).length;
    const line = (sign, left, right, facet, className) =>
      el("div", { class: `line ${className}` }, el("div", { class: "sign" }, sign), left, right, el("div", { class: "facet" }, facet));
    return [
      heading,
      el("p", { class: "hint" }, counted ? `${plural(counted, "event")} of ${rows.length} ${counted === 1 ? "differs" : "differ"}, marked ≠.` : "The story that was told is the one that conforms."),
      el(
        "div",
        { class: "story" },
        line("", el("div", { class: "said" }, "Expected"), el("div", { class: "said" }, "Told"), "What differs", "head"),
        merged(rows).map((row) => {
          const worse = row.differences.filter((each) => !each[5]);
          const onlyMay = worse.length && worse.every((each) => each[2] === "may");
          const better = row.differences.length && !worse.length;
          return line(
            row.differences.length ? (better ? "↑" : "≠") : "",
            cell("expected", row.expected, row.differences.map((each) => each[3]), "nothing more is expected"),
            cell("told", row.told, row.differences.map((each) => each[4]), "not told: the story had ended"),
            row.differences.map(([, facet, tier, , , good]) => el("span", {}, facet, " ", el("span", { class: "tier" }, good ? "improved" : tier))),
            row.differences.length ? `differs ${better ? "better" : onlyMay ? "may" : ""}` : "",
          );
        }),
      ),
    ];
  }
  function cell(side, text, parts, absent) {
    const node = el("div", { class: "said", "data-side": side });
    if (text === undefined) node.append(el("span", { class: "absent" }, absent));
    else node.append(...marked(text, parts));
    return node;
  }
  /** The text, with its first occurrence of each part marked. */
  function marked(text, parts) {
    const spans = [];
    for (const part of parts) {
      const start = part && part !== text ? text.lastIndexOf(part) : -1;
      if (start >= 0) spans.push([start, start + part.length]);
    }
    spans.sort((left, right) => left[0] - right[0]);
    const made = [];
    let end = 0;
    for (const [start, stop] of spans) {
      if (start < end) continue;
      made.push(text.slice(end, start), el("mark", {}, text.slice(start, stop)));
      end = stop;
    }
    return [...made, text.slice(end)];
  }
  const NUMBER = /^call (\d+)( of [^:]+)?: ([^]*)$/;
  /** Runs of like calls without a difference as one row, as the story's own text has them. */
  function merged(rows) {
    const made = [];
    for (let at = 0; at < rows.length; ) {
      let stop = at + 1;
      while (stop < rows.length && like(rows[at], rows[stop], stop - at)) stop++;
      if (stop - at >= 4) {
        const first = NUMBER.exec(rows[at].expected);
        const text = `calls ${first[1]}-${Number(first[1]) + stop - at - 1}${first[2] || ""}: ${first[3]}`;
        made.push({ expected: text, told: text, differences: [] });
      } else {
        made.push(...rows.slice(at, stop));
      }
      at = stop;
    }
    return made;
  }
  function like(first, other, distance) {
    if (first.differences.length || other.differences.length || first.expected !== first.told || other.expected !== other.told) return false;
    const [left, right] = [NUMBER.exec(first.expected || ""), NUMBER.exec(other.expected || "")];
    return Boolean(left && right && left[2] === right[2] && left[3] === right[3] && Number(right[1]) === Number(left[1]) + distance);
  }
  function dedent(text) {
    const lines = String(text).replace(/^\n+|\s+$/g, "").split("\n");
    const margin = Math.min(...lines.filter((line) => line.trim()).map((line) => line.length - line.trimStart().length));
    return lines.map((line) => line.slice(Number.isFinite(margin) ? margin : 0)).join("\n");
  }

  // Evidence

  const list = (value) => (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]);

  function events(said) {
    const evidence = list(said.evidence);
    if (!evidence.length) return [];
    const differing = new Set((said.differences || []).map((each) => each[0]));
    let first = true;
    const made = evidence.map((each, event) => {
      const name = (said.told || [])[event] ?? `event ${event + 1}`;
      const title = name.split("\n")[0];
      const about = el("span", { class: "meta" }, gist(each));
      const rich = Object.entries(each).some(([key, value]) => !["seconds", "regions"].includes(key) && list(value).length);
      if (!rich) return el("div", { class: "plain" }, el("span", { class: "mono" }, title), about);
      const open = differing.has(event) && first;
      if (open) first = false;
      return box([el("span", { class: "mono" }, title), about], () => observed(each), { open, className: differing.has(event) ? "differs" : "" });
    });
    return [el("h3", {}, "Evidence, event by event"), el("p", { class: "hint" }, "What was observed, but is not compared."), ...long(made)];
  }
  /** The first entries of a long list, and a button for the rest. */
  function long(nodes, most = 60) {
    if (nodes.length <= most) return nodes;
    const button = el("button", { type: "button", onclick: () => button.replaceWith(...nodes.slice(most)) }, `Show ${nodes.length - most} more`);
    return [...nodes.slice(0, most), button];
  }
  function gist(each) {
    const found = [];
    const captures = list(each.compilations).filter((one) => one?.backward).length;
    const compilations = list(each.compilations).length - captures;
    if (captures) found.push(plural(captures, "captured backward"));
    if (compilations) found.push(plural(compilations, "compilation"));
    const breaks = list(each.compilations).flatMap((one) => list(one?.breaks)).length;
    if (breaks) found.push(plural(breaks, "graph break"));
    if (each.regions !== undefined) found.push(plural(Number(each.regions), "compiled region") + " ran");
    if (each.error) found.push("raised");
    if (list(each.logs).length) found.push(plural(list(each.logs).length, "log line"));
    if (each.seconds !== undefined) found.push(time(each.seconds));
    return found.join(", ");
  }
  function observed(each) {
    const { compilations, regions, seconds, differences, logs, error, ...others } = each;
    const made = [];
    if (error) {
      made.push(el("h4", {}, `Raised ${plain(error.type ?? "")}${error.phase ? ` (${plain(error.phase)})` : ""}`), pre(plain(error.message ?? error), { class: "wrap" }));
    }
    if (list(differences).length) {
      made.push(
        el("h4", {}, "Differences from eager"),
        el(
          "table",
          { class: "even" },
          el("tr", {}, ["Property", "Place", "Expected", "Told"].map((name) => el("th", { scope: "col" }, name))),
          list(differences).map((one) => el("tr", {}, ["property", "place", "expected", "told"].map((name) => el("td", {}, plain(one?.[name] ?? ""))))),
        ),
      );
    }
    for (const one of list(compilations)) made.push(compilation(one || {}));
    if (list(logs).length) made.push(el("h4", {}, "Logged"), pre(list(logs).map(plain).join("\n"), { class: "wrap" }));
    for (const [name, value] of Object.entries(others)) made.push(el("h4", {}, name), pre(plain(value), { class: "wrap" }));
    return made;
  }
  function compilation(one) {
    const { id, function: name, ops, graphs, guards, reason: why, backward, breaks, failure: failed, ...others } = one;
    if (backward) return el("div", { class: "compilation" }, el("h4", {}, "Captured backward pass"), pre(plain(backward)));
    const node = el(
      "div",
      { class: "compilation" },
      el("p", {}, "Compilation ", el("code", {}, plain(id ?? "")), name ? [" of ", el("code", {}, plain(name))] : null, ops === undefined ? null : `, ${plural(Number(ops), "op")}`),
    );
    if (failed) node.append(el("h4", {}, "Failed"), pre(plain(failed), { class: "wrap" }));
    if (why) node.append(el("h4", {}, "Why compiled code could not be reused"), pre(plain(why), { class: "wrap" }));
    list(breaks).forEach((text, place) => node.append(el("h4", {}, `Graph break ${place + 1}`), pre(plain(text), { class: "wrap" })));
    list(graphs).forEach((text, place, all) => node.append(el("h4", {}, all.length > 1 ? `Graph ${place + 1} of ${all.length}` : "Graph"), pre(plain(text))));
    if (guards) node.append(box("Guards: the conditions of reuse", () => pre(plain(guards))));
    for (const [key, value] of Object.entries(others)) node.append(el("h4", {}, key), pre(plain(value), { class: "wrap" }));
    return node;
  }
  function failure(said) {
    const made = [];
    if (said.bug) made.push(el("h3", {}, "Touchstone's own failure"), pre(said.bug, { class: "wrap" }));
    if (said.failure) {
      const [phase, type, message, traceback] = said.failure;
      made.push(
        el("h3", {}, "Failure"),
        el("p", {}, el("code", {}, type), phase ? ` in phase ${phase}` : null),
        message ? pre(message, { class: "wrap" }) : null,
        traceback ? box("Traceback", () => pre(traceback), { open: true }) : null,
      );
    }
    return made;
  }
  /** Every attempt at the trial, where there was more than one, and which trials it takes for its deviation. */
  function attempts(said) {
    const made = [];
    const found = list(said.attempts).map(whole);
    if (found.length) {
      made.push(
        el("h3", {}, "Attempts"),
        el(
          "ol",
          {},
          found.map(([how, verdict, why, seconds]) =>
            el("li", {}, `${how}: `, chip(data.verdicts[verdict]), ` in ${seconds.toFixed(1)} s`, why ? el("p", { class: "hint" }, why) : null),
          ),
        ),
      );
    }
    const others = list(said.polluters);
    if (others.length) {
      made.push(
        el("p", {}, "It conforms alone, and deviates after these, which leave something behind:"),
        el("ul", {}, others.map((id) => el("li", {}, el("code", {}, plain(id))))),
      );
    }
    return made;
  }
  function process(said) {
    if (!("ended" in said)) return [];
    const status = said.status;
    const made = [
      el("h3", {}, "Process"),
      el(
        "p",
        {},
        said.timed_out
          ? "Ended at the time limit."
          : status === null
            ? "Its exit status is not known."
            : status < 0
              ? `Died of signal ${-status}.`
              : `Exited with status ${status}.`,
        said.ended ? " The story came to its end." : " The story did not come to its end.",
        said.leftovers ? ` Processes that it left behind and that were ended with it: ${said.leftovers}.` : null,
      ),
    ];
    if (said.output) made.push(box("The end of what it printed", () => pre(said.output, { class: "wrap" }), { open: true }));
    return made;
  }
  function channels(said) {
    const made = [];
    const entries = Object.entries(said.channels || {});
    if (entries.length) {
      const closed = entries.filter(([, value]) => value !== "available").length;
      made.push(
        el("h3", {}, "Channels of observation"),
        box(closed ? `${closed} of ${entries.length} are not available` : `All ${entries.length} are available`, () => table(said.channels), { open: closed > 0 }),
      );
    }
    const counts = new Map();
    for (const each of list(said.artefacts)) counts.set(each, (counts.get(each) || 0) + 1);
    if (counts.size) {
      made.push(
        el("h3", {}, "What the implementation gave back for each graph"),
        el("ul", {}, [...counts].map(([name, count]) => el("li", {}, el("code", {}, plain(name)), count > 1 ? ` ×${count}` : null))),
      );
    }
    return made;
  }
  /** A mapping as a table; mappings in it as nested tables. */
  function table(mapping) {
    const value = (each) => {
      if (Array.isArray(each)) return each.every((one) => typeof one !== "object") ? each.join(", ") || "none" : plain(each);
      if (each && typeof each === "object") return Object.keys(each).length ? table(each) : "none";
      return each === "" ? "-" : String(each);
    };
    return el("table", {}, Object.entries(mapping || {}).map(([name, each]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value(each)))));
  }

  // Start

  const title = document.title;
  let left = 0; // where the overview was scrolled to
  let showing = "";
  function apply() {
    if (state.trial) {
      if (!showing) left = scrollY;
      detail();
    } else {
      overview();
      if (showing) {
        scrollTo(0, left);
        document.querySelector(`#list a[href="${CSS.escape(address({ ...state, trial: showing }))}"]`)?.focus({ preventScroll: true });
      }
    }
    showing = state.trial;
  }
  addEventListener("hashchange", () => {
    const place = location.hash.slice(1);
    if (place && !place.includes("=")) {
      // A place in the overview, such as the legend: filters stay.
      state = { ...state, trial: "" };
      if (showing) {
        showing = "";
        overview();
      }
      byId(place)?.scrollIntoView();
      return;
    }
    state = read();
    apply();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.trial) location.hash = address({ ...state, trial: "" });
  });
  document.addEventListener("click", (event) => {
    const target = event.target.closest?.(".stamp a[href^='#']");
    if (target) {
      event.preventDefault();
      filter(read(target.hash));
      byId("deviations").scrollIntoView();
    }
  });
  for (const family of families) {
    family.addEventListener("toggle", () => {
      if (family.open) fill(family);
      else opened.delete(family);
      if (family.open) columns();
    });
  }
  for (const [name, values] of [
    ["family", families.map((each) => each.dataset.family)],
    ["implementation", data.implementations.map((each) => each.name)],
    ["tier", [...data.tiers, ...new Set(trials.map((each) => each.tier))].filter((each, at, all) => each && all.indexOf(each) === at)],
  ]) {
    const select = byId(name);
    select.append(...values.map((value) => el("option", { value }, value)));
    select.addEventListener("change", () => filter({ [name]: select.value }));
  }
  let timer = 0;
  byId("q").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => filter({ q: byId("q").value.trim() }), 150);
  });
  for (const button of document.querySelectorAll("[data-verdict]")) {
    button.addEventListener("click", () => {
      const chosen = new Set(verdictsOf(state.verdict));
      if (!chosen.delete(button.dataset.verdict)) chosen.add(button.dataset.verdict);
      filter({ verdict: [...chosen].join(",") });
    });
  }
  byId("clear").addEventListener("click", () => {
    filter(Object.fromEntries(FILTERS.map((name) => [name, ""])));
    byId("q").focus();
  });
  byId("filters").hidden = false;

  const root = document.documentElement;
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const name = () => {
    byId("theme").textContent = dark() ? "Light colours" : "Dark colours";
  };
  try {
    const kept = localStorage.getItem("touchstone-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try {
      localStorage.setItem("touchstone-theme", root.dataset.theme);
    } catch {
      // As above.
    }
    name();
  });
  name();

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...byId("detail").querySelectorAll("details:not([open])")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of closed) each.open = false;
  });

  apply();
  root.dataset.ready = "";
})();

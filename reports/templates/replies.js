{
  // Reads the packed replies and builds everything from text alone.
  const FILTERS = ["level", "scenario", "grade", "check", "review", "q"];
  const form = $("filters");
  const state = { prompt: null, reply: null, sample: null };
  let data = null;
  let matches = []; // prompts with a matching reply, in order; each {prompt, hits: Set of replies}
  let buttons = new Map();

  const unpack = async (text) => {
    const letters = atob(text);
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i += 1) bytes[i] = letters.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };

  const revive = (raw) => {
    for (const prompt of raw.prompts) {
      prompt.replies = prompt.replies.map(
        ([model, sample, grade, text, finish, coverage, findings, met, missing, said, key]) => ({
          model: raw.models[model], sample, grade, text, finish, coverage, said: said || null, key,
          findings: findings.map(([check, start, end]) => ({ ...raw.checks[check], start, end })),
          met: met.map((act) => raw.acts[act]),
          missing: missing.map((act) => raw.acts[act]),
        }));
    }
    return raw;
  };

  // Lower case for the search, made when first asked for. Where that moves letters, the text as it stands.
  const lower = (item) => {
    item.lower ??= item.text.toLowerCase();
    return item.lower.length === item.text.length ? item.lower : item.text;
  };

  // ---- filters -------------------------------------------------------------------------------------------
  const wanted = () => Object.fromEntries(FILTERS.map((name) => [name, form.elements[name].value.trim()]));
  const fits = (want, needle, prompt, reply) =>
    (!want.level || reply.model.key === want.level) &&
    (!want.scenario || prompt.scenario === want.scenario) &&
    (!want.grade || reply.grade === want.grade) &&
    (!want.check || reply.findings.some((finding) => finding.check === want.check)) &&
    (!want.review || (reply.key && review.state(reply.key) === want.review)) &&
    (!needle || lower(reply).includes(needle) || lower(prompt).includes(needle));

  const find = () => {
    const want = wanted();
    const needle = want.q.toLowerCase();
    let count = 0;
    matches = [];
    for (const prompt of data.prompts) {
      const hits = new Set(prompt.replies.filter((reply) => fits(want, needle, prompt, reply)));
      count += hits.size;
      if (hits.size) matches.push({ prompt, hits });
    }
    $("found").textContent = `${count} ${count === 1 ? "reply" : "replies"} to ${matches.length} ${matches.length === 1 ? "prompt" : "prompts"}.`;
    if (!matches.some((match) => match.prompt.id === state.prompt)) {
      Object.assign(state, { prompt: matches.length ? matches[0].prompt.id : null, reply: null, sample: null });
    }
    list();
    read();
  };

  // A label may move its reply out of the filters; the card stays until the reader moves on.
  const stale = () => { $("found").textContent = "Labels have changed: filter again to see what is left."; };

  const choices = (select, pairs) => {
    for (const [value, text] of pairs) select.append(el("option", { value }, text));
  };

  // ---- the list of prompts ---------------------------------------------------------------------------------
  const badge = (grade) =>
    el("span", { class: `mark g-${grade}` }, el("span", { class: "symbol", "aria-hidden": "true" }, data.grades[grade].symbol), ` ${data.grades[grade].word}`);

  const byModel = (replies) => {
    const groups = new Map();
    for (const reply of replies) groups.set(reply.model, [...(groups.get(reply.model) ?? []), reply]);
    return groups.values();
  };

  // One row for each prompt, one cell for each model: the worst of its samples.
  const list = () => {
    const order = Object.keys(data.grades);
    buttons = new Map();
    const items = matches.map(({ prompt, hits }) => {
      const strip = el("span", { class: "strip", "aria-hidden": "true" });
      const counts = {};
      for (const samples of byModel(prompt.replies)) {
        const grade = order.find((name) => samples.some((reply) => reply.grade === name));
        const hit = samples.some((reply) => hits.has(reply));
        strip.append(el("span", { class: `cell g-${grade}${hit ? "" : " other"}` }, data.grades[grade].symbol));
        counts[grade] = (counts[grade] ?? 0) + 1;
      }
      const spoken = order.filter((g) => counts[g]).map((g) => `${counts[g]} ${data.grades[g].word}`).join(", ");
      const button = el("button", { type: "button" },
        el("span", { class: "scenario" }, data.scenarios[prompt.scenario] ?? prompt.scenario),
        el("span", { class: "ask", dir: "auto" }, prompt.text), strip, el("span", { class: "hidden" }, spoken));
      button.addEventListener("click", () => open(prompt.id));
      buttons.set(prompt.id, button);
      return el("li", {}, button);
    });
    $("prompts").replaceChildren(...items);
    $("prompts").scrollTop = 0;
    current();
  };

  const current = () => {
    for (const [id, button] of buttons) {
      if (id === state.prompt) {
        button.setAttribute("aria-current", "true");
        const box = $("prompts");
        const [frame, place] = [box.getBoundingClientRect(), button.getBoundingClientRect()];
        if (place.top < frame.top || place.bottom > frame.bottom) box.scrollTop += place.top - frame.top - 40;
      } else button.removeAttribute("aria-current");
    }
  };

  // ---- one prompt, level beside level --------------------------------------------------------------------------
  const marked = (reply, needle) => {
    // Cut the text wherever a finding or a search hit begins or ends, then mark each piece.
    const spans = reply.findings.map((finding, number) => ({ ...finding, number: number + 1 })).filter((f) => f.end > f.start);
    const hits = [];
    if (needle) {
      for (let at = lower(reply).indexOf(needle); at >= 0; at = lower(reply).indexOf(needle, at + needle.length)) {
        hits.push({ start: at, end: at + needle.length });
      }
    }
    const cuts = [...new Set([0, reply.text.length, ...[...spans, ...hits].flatMap((s) => [s.start, s.end])])].sort((a, b) => a - b);
    const parts = [];
    for (let i = 0; i + 1 < cuts.length; i += 1) {
      const [start, end] = [cuts[i], cuts[i + 1]];
      const inside = (span) => span.start <= start && end <= span.end;
      const faults = spans.filter(inside);
      let part = document.createTextNode(reply.text.slice(start, end));
      if (hits.some(inside)) part = el("mark", { class: "hit" }, part);
      if (faults.length) {
        const severity = Object.keys(data.severities).find((s) => faults.some((f) => f.severity === s));
        part = el("mark", { class: `s-${severity}`, title: faults.map((f) => f.why).join(" · ") }, part);
        const ending = faults.filter((f) => f.end === end).map((f) => f.number);
        if (ending.length) part.append(el("sup", {}, ending.join(",")));
      }
      parts.push(part);
    }
    return parts;
  };

  const acts = (title, kind, symbol, names) =>
    names.length ? el("div", { class: `acts ${kind}` }, el("h5", {}, `${title} (${names.length})`),
      el("ul", {}, ...names.map((name) => el("li", {}, el("span", { class: "symbol", "aria-hidden": "true" }, symbol), ` ${name}`)))) : null;

  const address = (prompt, reply) =>
    `#${new URLSearchParams({ prompt: prompt.id, reply: reply.model.key, sample: reply.sample })}`;

  const card = (prompt, reply, needle) => {
    const { model } = reply;
    const samples = prompt.replies.filter((other) => other.model === model).length;
    const here = state.reply === model.key && (state.sample === null || state.sample === reply.sample);
    return el("article", { class: `reply g-${reply.grade}${here ? " here" : ""}`, tabindex: "-1", "aria-label": `${model.key}: ${data.grades[reply.grade].word}` },
      el("header", {},
        el("h4", {}, model.key, samples > 1 ? ` · sample ${reply.sample + 1}` : null),
        model.role ? el("span", { class: `role role-${model.role}` }, model.role) : null,
        badge(reply.grade),
        el("a", { class: "anchor", href: address(prompt, reply), "aria-label": `Link to the reply of ${model.key}` }, "link")),
      reply.text ? el("p", { class: "text", dir: "auto" }, ...marked(reply, needle)) : el("p", { class: "text empty" }, "The reply is empty."),
      reply.findings.length ? el("ol", { class: "findings" }, ...reply.findings.map((finding, number) =>
        el("li", { class: `s-${finding.severity}`, value: number + 1 },
          el("strong", {}, finding.fault), el("span", { class: "severity" }, ` ${finding.severity}`),
          el("p", {}, finding.why), el("p", { class: "source" }, `${finding.source} · ${finding.check}`)))) : null,
      reply.key ? review.box(reply.key) : null,
      el("footer", {},
        el("p", {}, `Covers ${reply.coverage}% of the required acts; ${data.finishes[reply.finish] ?? reply.finish}.`),
        reply.said ? el("p", { class: "said" }, `In this report ${reply.said.words}`) : null,
        reply.met.length + reply.missing.length ? el("details", {}, el("summary", {}, `${reply.met.length} of ${reply.met.length + reply.missing.length} required acts`),
          acts("Missing", "missing", "✕", reply.missing), acts("Met", "met", "✓", reply.met)) : null));
  };

  const read = () => {
    const match = matches.find(({ prompt }) => prompt.id === state.prompt);
    if (!match) {
      $("reading").replaceChildren(el("p", { class: "empty" }, "No reply fits these filters."));
      return;
    }
    const { prompt, hits } = match;
    const needle = wanted().q.toLowerCase();
    const at = matches.indexOf(match);
    const reference = prompt.replies.filter((reply) => reply.model.role === "reference");
    const levels = prompt.replies.filter((reply) => reply.model.role !== "reference");
    const asked = (reply) => Number(reply.model.key === state.reply);
    const first = levels.filter((reply) => hits.has(reply)).sort((a, b) => asked(b) - asked(a));
    const others = levels.filter((reply) => !hits.has(reply));
    const step = (label, to) => {
      const button = el("button", { type: "button" }, label);
      button.disabled = !matches[to];
      button.addEventListener("click", () => open(matches[to].prompt.id));
      return button;
    };
    const grid = (replies, name) => el("div", { class: "grid", role: "group", "aria-label": name }, ...replies.map((reply) => card(prompt, reply, needle)));
    const rest = others.length ? el("details", { class: "others" },
      el("summary", {}, `${others.length} more ${others.length === 1 ? "reply" : "replies"} to this prompt, outside the filters`), grid(others, "Other levels")) : null;
    if (rest && others.some((reply) => reply.model.key === state.reply)) rest.open = true;
    $("reading").replaceChildren(
      el("header", { class: "question" },
        el("p", { class: "eyebrow" }, `${data.scenarios[prompt.scenario] ?? prompt.scenario} · ${prompt.id} · ${at + 1} of ${matches.length}`),
        el("h3", { dir: "auto" }, prompt.text),
        el("div", { class: "steps" }, step("Previous", at - 1), step("Next", at + 1))),
      el("div", { class: reference.length ? `beside${first.length === 1 ? " pair" : ""}` : "alone" },
        reference.length ? grid(reference, "Reference") : null,
        el("div", {}, grid(first, "Levels"), rest)));
  };

  // ---- moving about ------------------------------------------------------------------------------------------
  const remember = () => {
    const want = wanted();
    const parts = new URLSearchParams(Object.entries(want).filter(([, value]) => value));
    if (state.prompt) parts.set("prompt", state.prompt);
    if (state.reply) parts.set("reply", state.reply);
    if (state.reply && state.sample !== null) parts.set("sample", state.sample);
    history.replaceState(null, "", `#${parts}`);
  };

  const open = (id) => {
    Object.assign(state, { prompt: id, reply: null, sample: null });
    current();
    read();
    remember();
    if ($("reading").getBoundingClientRect().top < 0) $("reading").scrollIntoView({ block: "start" });
  };

  const follow = () => {
    // A link into the replies holds name=value pairs; a plain #name is a section and none of our business.
    if (!location.hash.includes("=")) return false;
    const parts = new URLSearchParams(location.hash.slice(1));
    for (const name of FILTERS) form.elements[name].value = parts.get(name) ?? "";
    Object.assign(state, {
      prompt: parts.get("prompt"),
      reply: parts.get("reply"),
      sample: parts.has("sample") ? Number(parts.get("sample")) : null,
    });
    find();
    const here = document.querySelector(".reply.here");
    if (here) here.focus({ preventScroll: true });
    // Show the question with its reply where both fit on the screen, else the reply.
    (here ? document.querySelector(".question") : $("replies")).scrollIntoView({ block: "start" });
    if (here && here.getBoundingClientRect().top > 0.6 * innerHeight) here.scrollIntoView({ block: "start" });
    return true;
  };

  const stepPrompt = (by) => {
    const at = matches.findIndex(({ prompt }) => prompt.id === state.prompt);
    if (matches[at + by]) open(matches[at + by].prompt.id);
  };

  const stepReply = (by) => {
    const cards = [...document.querySelectorAll("#reading .reply")].filter((node) => node.offsetParent);
    const at = cards.indexOf(document.activeElement.closest(".reply"));
    const next = cards[at < 0 ? (by > 0 ? 0 : cards.length - 1) : at + by];
    if (next) {
      next.focus({ preventScroll: true });
      next.scrollIntoView({ block: "nearest" });
    }
  };

  const KEYS = { j: () => stepPrompt(1), k: () => stepPrompt(-1), n: () => stepReply(1), p: () => stepReply(-1), "/": () => form.elements.q.focus() };

  const start = async () => {
    $("replies-status").textContent = "Unpacking the replies…";
    data = revive(await unpack($("packed").textContent));
    choices(form.elements.level, data.models.filter(({ key }) => data.prompts.some((p) => p.replies.some((r) => r.model.key === key))).map(({ key }) => [key, key]));
    choices(form.elements.scenario, Object.entries(data.scenarios));
    choices(form.elements.grade, Object.entries(data.grades).map(([name, look]) => [name, `${look.symbol} ${look.word}`]));
    choices(form.elements.check, [...new Set(data.checks.map(({ check }) => check))].sort().map((check) => [check, check]));
    review.start(
      data.prompts.flatMap((prompt) => prompt.replies).filter((reply) => reply.key),
      () => { if (wanted().review) stale(); },
    );
    $("replies-status").textContent = "";
    $("explorer").hidden = false;
    let waiting = 0;
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { find(); remember(); }, 120);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => { find(); remember(); }));
    window.addEventListener("hashchange", follow);
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input:not([type=radio], [type=checkbox]), select, textarea");
      if (event.key === "Escape" && typing) typing.blur();
      if (typing || event.ctrlKey || event.metaKey || event.altKey || !$("keys").checked || !KEYS[event.key]) return;
      event.preventDefault();
      KEYS[event.key]();
    });
    if (!follow()) find();
  };

  start().catch((error) => {
    $("replies-status").textContent = `The replies could not be unpacked (${error.message}); a browser of 2023 or later can. They are also in report.json.`;
  });
}

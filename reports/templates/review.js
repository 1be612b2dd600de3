// A person's word on each flag. It stays in this browser until it is exported as the JSONL that --labels takes.
const review = (() => {
  const name = "quant-triage labels"; // for every report: the same text flagged again is already settled
  const kept = keep.get(name);
  const labels = new Map(Object.entries(kept?.labels ?? {}));
  const flags = new Map(); // key -> the label that the report was made with, or null
  const WORDS = { confirm: "Confirm", dismiss: "Dismiss as a false alarm" };
  let changed = () => {};

  const settled = (key) => labels.get(key) ?? flags.get(key);
  const state = (key) => settled(key)?.label ?? "open";
  const counts = () => {
    const found = { confirm: 0, dismiss: 0, open: 0 };
    for (const key of flags.keys()) found[state(key)] += 1;
    return found;
  };
  const lacking = () => [...flags.keys()].filter((key) => labels.has(key) && !labels.get(key).why).length;

  const show = () => {
    const { confirm, dismiss, open } = counts();
    const bare = lacking();
    const done = confirm + dismiss;
    let text = `${done} of ${flags.size} flagged texts reviewed: ${confirm} confirmed, ${dismiss} dismissed, ${open} open.`;
    if (bare) text += ` ${bare} ${bare === 1 ? "lacks" : "lack"} a reason.`;
    const mine = [...flags.keys()].some((key) => labels.has(key));
    if (mine && !$("reviewer").value.trim()) text += " Your name is missing.";
    $("reviewed").textContent = text;
    $("export").disabled = !done || bare > 0 || (mine && !$("reviewer").value.trim());
  };

  const remember = () => {
    const fine = keep.set(name, { who: $("reviewer").value, labels: Object.fromEntries(labels) });
    $("kept").textContent = fine ? "" : "This browser keeps nothing for this page: export before you close it.";
    show();
    changed();
  };

  const put = (key, change) => {
    const { label, why = "" } = settled(key) ?? {};
    labels.set(key, { label, why, ...change, when: new Date().toISOString() });
    for (const box of document.querySelectorAll(".label")) if (box.dataset.key === key) fill(box);
    remember();
  };

  const fill = (box) => {
    const label = settled(box.dataset.key);
    for (const input of box.querySelectorAll("input[type=radio]")) input.checked = label?.label === input.value;
    const note = box.querySelector("input[type=text]");
    if (note !== document.activeElement) note.value = label?.why ?? "";
    note.disabled = !label;
  };

  let number = 0;
  const box = (key) => {
    number += 1;
    const choice = (value) => {
      const input = el("input", { type: "radio", name: `label-${number}`, value });
      input.addEventListener("change", () => put(key, { label: value }));
      return el("label", {}, input, ` ${WORDS[value]}`);
    };
    const note = el("input", { type: "text", maxlength: 500, placeholder: "why", autocomplete: "off" });
    note.addEventListener("input", () => put(key, { why: note.value.trim() }));
    const set = el("fieldset", { class: "label", "data-key": key }, el("legend", {}, "Your review of this flag"),
      choice("confirm"), choice("dismiss"), el("label", { class: "why" }, "Reason ", note));
    fill(set);
    return set;
  };

  $("reviewer").value = kept?.who ?? "";
  $("reviewer").addEventListener("input", remember);
  $("export").addEventListener("click", () => {
    const who = $("reviewer").value.trim();
    // What the report was made with goes along, so that the file takes the place of the last one.
    const lines = [...flags.keys()].filter((key) => settled(key)).map((key) => {
      const { label, when, why, who: before } = settled(key);
      return JSON.stringify({ key, label, who: before ?? who, when, why });
    });
    save("labels.jsonl", `${lines.join("\n")}\n`, "application/jsonl");
  });
  return {
    box, state, counts,
    start(replies, onChange) {
      for (const { key, said } of replies) flags.set(key, said?.label ? said : null);
      changed = onChange;
      show();
    },
  };
})();

if ($("sign")) {
  // The sign-off record: who takes which decision, bound to the bytes of the report and of the model.
  const form = $("sign");
  const bound = JSON.parse(form.dataset.bound);
  form.hidden = false;
  const complete = () => { $("sign-save").disabled = !form.checkValidity(); };
  form.addEventListener("input", complete);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!form.checkValidity()) return;
    const { confirm, dismiss, open } = review.counts();
    const record = {
      ...bound,
      statement: form.elements.statement.value,
      who: form.elements.who.value.trim(),
      role: form.elements.role.value.trim(),
      when: new Date().toISOString(),
      note: form.elements.note.value.trim(),
      flags: { confirmed: confirm, dismissed: dismiss, open },
    };
    save("sign-off.jsonl", `${JSON.stringify(record)}\n`, "application/jsonl");
    $("signed").textContent = "Saved as sign-off.jsonl, one line a signature. Check it: quant-triage report DIR --sign-off sign-off.jsonl";
  });
  complete();
}

// A page of a run in progress asks its server for news, and loads itself again when that disturbs nobody.
if (document.documentElement.dataset.version) {
  const { version } = document.documentElement.dataset;
  const follow = $("follow");
  follow.checked = keep.get("follow") !== false;
  follow.addEventListener("change", () => keep.set("follow", follow.checked));
  const busy = () => document.activeElement?.matches("input:not([type=checkbox]), select, textarea") || !getSelection().isCollapsed;
  const ask = async () => {
    try {
      const news = await (await fetch("/state", { cache: "no-store" })).json();
      if (news.version !== version) {
        $("news").textContent = "More has come.";
        if (follow.checked && !busy()) { location.reload(); return; }
      }
    } catch {
      $("news").textContent = "The server has gone; this is the last that it said.";
    }
    setTimeout(ask, 5000);
  };
  setTimeout(ask, 5000);
}

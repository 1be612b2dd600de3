{
  // The theme follows the system until the reader chooses; the choice stays where storage is allowed.
  const names = ["system", "light", "dark"];
  const button = document.getElementById("theme");
  const apply = (name) => {
    if (name === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    document.getElementById("theme-name").textContent = name;
  };
  let theme = names.includes(keep.get("theme")) ? keep.get("theme") : "system";
  apply(theme);
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = names[(names.indexOf(theme) + 1) % names.length];
    keep.set("theme", theme);
    apply(theme);
  });
}

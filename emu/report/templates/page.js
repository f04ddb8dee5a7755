(() => {
  const root = document.documentElement, button = document.getElementById("theme");
  const store = { get() { try { return localStorage.getItem("emu-theme"); } catch { return null; } },
    set(v) { try { localStorage.setItem("emu-theme", v); } catch { /* private mode */ } } };
  const saved = store.get();
  if (saved) root.dataset.theme = saved;
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme:dark)").matches;
  const name = () => { button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${dark() ? "light" : "dark"} scheme`); };
  if (button) {
    button.hidden = false; name();
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark"; store.set(root.dataset.theme); name();
    });
  }
  const tip = document.getElementById("tip");
  const hide = () => { if (tip) tip.hidden = true; };
  const show = (el) => {
    tip.textContent = el.dataset.def; tip.hidden = false;
    const at = el.getBoundingClientRect(), box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(12, Math.min(at.left, innerWidth - box.width - 12))}px`;
    tip.style.top = `${at.bottom + box.height + 12 < innerHeight ? at.bottom + 6 : at.top - box.height - 6}px`;
  };
  for (const el of document.querySelectorAll(".term")) {
    for (const on of ["mouseenter", "focus", "click"]) el.addEventListener(on, () => show(el));
    for (const off of ["mouseleave", "blur"]) el.addEventListener(off, hide);
  }
  addEventListener("keydown", (e) => { if (e.key === "Escape") hide(); });
  addEventListener("scroll", hide, { passive: true });
  const open = () => {
    const at = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let el = at; el; el = el.parentElement) if (el.tagName === "DETAILS") el.open = true;
    if (at) at.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", open); open();
  addEventListener("beforeprint", () => { for (const d of document.querySelectorAll("details.print")) d.open = true; });
})();

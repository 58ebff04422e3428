// Selects, sliders and filters: they show the state, and change it.

class Controls {
  constructor(page) {
    this.page = page;
    this.by = (id) => document.getElementById(id);
    for (const id of ["x", "y", "colour", "second", "setting", "level"]) {
      this.by(id).addEventListener("change", (e) => {
        const changes = { [id]: e.target.value };
        // A limit and a brush are numbers of one quantity: with another they mean nothing.
        if (id === "setting") changes.limit = "";
        if (id === "x" || id === "y") changes.brush = "";
        choose(changes);
      });
    }
    this.by("table").addEventListener("change", (e) => choose({ table: e.target.value, x: "", y: "", colour: "", setting: "", limit: "", brush: "", where: "" }));
    this.by("limit").addEventListener("input", (e) => this.moveLimit(Number(e.target.value)));
    this.by("ops").addEventListener("click", (e) => this.turnOperation(e.target.closest("button")?.dataset.opName));
    this.by("condition-add").addEventListener("click", () => this.addCondition());
    this.by("condition-value").addEventListener("keydown", (e) => { if (e.key === "Enter") this.addCondition(); });
    this.by("conditions").addEventListener("click", (e) => {
      const text = e.target.closest("button")?.dataset.condition;
      if (text) choose({ where: conditions().map((c) => c.text).filter((own) => own !== text).join(";") });
    });
    this.by("theme").addEventListener("click", () => this.setTheme(isDark() ? "light" : "dark", true));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (e) => this.setTheme(e.matches ? "dark" : "light", false));
    this.setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light", false);
    try {
      const kept = localStorage.getItem("nasasr-theme");
      if (kept) this.setTheme(kept, false);
    } catch { /* Some browsers give a file no storage: the system's theme is shown. */ }
  }

  setTheme(theme, keep) {
    document.documentElement.dataset.theme = theme;
    this.by("theme").textContent = theme === "dark" ? "Light theme" : "Dark theme";
    try { if (keep) localStorage.setItem("nasasr-theme", theme); } catch { /* As above. */ }
    if (this.page.isReady) this.page.draw();
  }

  /** Ends of the slider of the limit, in shown milliseconds. */
  limitEnds(table) {
    const own = (what) => table.column(`latency/${state.setting}/${what}`);
    const setting = table.settings.find((s) => s.name === state.setting);
    const column = own("high") ?? own("measured");
    const start = own("high") ? levelIndex(table) * table.count : 0;
    let least = Infinity, most = 0;
    for (let f = 0; f < table.count; f++) {
      const v = wholeAt(column, start + f);
      if (v !== null) { least = Math.min(least, v); most = Math.max(most, v); }
    }
    return { least, most, decimals: setting.decimals };
  }

  moveLimit(at) {
    const { least, most, decimals } = this.limitEnds(this.page.table());
    const whole = Math.round(least + (at / 1000) * (most - least));
    choose({ limit: at >= 1000 ? "" : (whole / 10 ** decimals).toFixed(decimals) });
  }

  turnOperation(name) {
    if (!name) return;
    const removed = removedOperations();
    if (!removed.delete(name)) removed.add(name);
    choose({ ops: [...removed].join(",") });
    this.by("ops").querySelector(`[data-op-name="${name}"]`)?.focus();
  }

  addCondition() {
    const value = this.by("condition-value").value;
    if (value === "" || Number.isNaN(Number(value))) { this.by("condition-value").focus(); return; }
    const text = `${this.by("condition-quantity").value}:${this.by("condition-way").value}:${Number(value)}`;
    choose({ where: [...new Set([...conditions().map((c) => c.text), text])].join(";") });
    this.by("condition-value").value = "";
  }

  draw(scene) {
    const { table } = scene;
    const options = (quantities, chosen) => quantities.map((q) =>
      `<option value="${escaped(q.id)}"${q.id === chosen ? " selected" : ""}>${escaped(q.label)}${q.unit ? ` [${q.unit}]` : ""}</option>`).join("");
    for (const id of ["x", "y", "colour"]) this.fill(id, options(table.quantities, scene[id].id), scene[id].id);
    this.fill("condition-quantity", options(table.quantities), this.by("condition-quantity").value || table.quantities[0].id);
    const names = this.page.tables.map((t, i) => `<option value="${i}">${escaped(t.name)}</option>`).join("");
    this.fill("table", names, String(table.number));
    this.fill("second", `<option value="">none</option>${names}`, state.second);
    this.fill("setting", table.settings.map((s) => `<option value="${escaped(s.name)}">${escaped(settingName(s.name))}</option>`).join(""), state.setting);
    this.fill("level", table.levels.map((l) => `<option value="${l}">${percent(l)}</option>`).join(""), String(table.levels[levelIndex(table)] ?? ""));
    this.drawLimit(scene);
    this.drawFilter(scene);
  }

  /** New options only where they differ: a select that is open stays so. */
  fill(id, html, value) {
    const select = this.by(id);
    if (select.dataset.options !== html) { select.innerHTML = html; select.dataset.options = html; }
    if (value !== undefined) select.value = value;
  }

  drawLimit(scene) {
    const { table, passes } = scene;
    const has = table.settings.length > 0;
    for (const id of ["setting", "limit"]) this.by(id).disabled = !has;
    this.by("level").disabled = !table.levels.length;
    if (!has) { this.by("limit-value").textContent = "–"; this.by("limit-says").textContent = "This table has no latencies."; return; }
    const { least, most, decimals } = this.limitEnds(table);
    const whole = state.limit === "" ? most : Number(state.limit) * 10 ** decimals;
    const text = state.limit === "" ? "no limit" : `≤ ${state.limit} ms`;
    this.by("limit").value = String(state.limit === "" ? 1000 : Math.round(((whole - least) / (most - least || 1)) * 1000));
    this.by("limit").setAttribute("aria-valuetext", text);
    this.by("limit-value").textContent = text;
    const best = bestOf(scene.y, passes);
    const name = best === null ? "" : this.page.textOf(best);
    this.by("limit-says").innerHTML = best === null ? "No cell passes the limit and the filter."
      : `<b>${count(scene.passing)}</b> of ${count(scene.known)} pass. Best by ${escaped(shortLabel(scene.y))}: <button type="button" class="go">${name}</button> <b>${escaped(shown(scene.y, scene.y.values[best]))}</b>`;
    this.by("limit-says").querySelector("button")?.addEventListener("click", () => choose({ cell: name }));
  }

  drawFilter(scene) {
    const removed = removedOperations();
    this.by("ops").innerHTML = this.page.space.ops.map((op) =>
      `<button type="button" class="chip" data-op-name="${escaped(op)}" aria-pressed="${!removed.has(op)}">${escaped(op)}</button>`).join("");
    this.by("conditions").innerHTML = conditions().map((c) => {
      const q = scene.table.byId.get(c.id);
      const says = `${q ? shortLabel(q) : c.id} ${c.way === "le" ? "≤" : "≥"} ${c.value}`;
      return `<button type="button" class="chip" data-condition="${escaped(c.text)}" aria-label="Remove the condition ${escaped(says)}">${escaped(says)} ×</button>`;
    }).join("");
    this.by("filter-says").textContent = `A function passes if one of its cells has only the marked operations; that cell is shown. ${count(scene.passing)} functions pass.`;
  }
}

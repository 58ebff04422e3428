// The page: it joins the data, the controls and the views.

class Page {
  constructor({ about, columns }) {
    this.about = about;
    this.isServed = document.querySelector('meta[name="nasasr-served"]').content === "true";
    this.space = new Space(about.space, columns);
    this.tables = about.tables.map((facts, i) => new TableData(i, { ...facts, supports: about.supports }, columns, this.space));
    this.isReady = false;
    this.controls = new Controls(this);
    this.panel = new CellPanel({ space: this.space, isServed: this.isServed, table: () => this.table(), x: () => this.scenes[0].x, y: () => this.scenes[0].y });
    this.list = new CellList(this);
    this.searches = new Searches(this, about, columns);
    this.maps = [];
    this.addLegend();
  }

  table() {
    return this.tables[Number(state.table)] ?? this.tables[0];
  }

  scene() {
    return this.scenes[0];
  }

  /** A cell of a function: the first that the filter lets pass, or the first of all. */
  textOf(f) {
    const { space } = this;
    return space.text(space.pointWithout(f, removedOperations()) ?? space.pointsOf[f][0]);
  }

  /** Choices that the address does not have: the usual ones. */
  complete() {
    const table = this.table();
    const first = (...ids) => ids.map((id) => table.byId.get(id)).find(Boolean) ?? table.quantities[0];
    if (!table.settings.some((s) => s.name === state.setting)) {
      const own = table.settings.filter((s) => s.name.startsWith(`${table.name}/`));
      state.setting = (own[0] ?? table.settings[0])?.name ?? "";
    }
    if (!table.byId.has(state.x)) state.x = first(`latency:${state.setting}`, "params").id;
    if (!table.byId.has(state.y)) state.y = first("estimate:val_per", "val_per", "measured:val_per").id;
    if (!table.byId.has(state.colour)) state.colour = first("params").id;
    if (state.cell === "") state.cell = this.textOf(bestOf(table.byId.get(state.y), allowedOf(this.space, table)) ?? 0);
  }

  /** What a map shows of a table. */
  sceneOf(table, chosen, front) {
    const pick = (id, fallback) => table.byId.get(id) ?? table.byId.get(fallback) ?? table.quantities[0];
    const measured = (id) => (/^(estimate:)?(val|test)_per$/.test(id) ? `measured:${id.replace("estimate:", "")}` : "params");
    const x = pick(state.x, measured(state.x)), y = pick(state.y, measured(state.y)), colour = pick(state.colour, "params");
    const passes = chosen.slice();
    let known = 0, passing = 0;
    for (let f = 0; f < table.count; f++) {
      const has = !Number.isNaN(x.values[f]) && !Number.isNaN(y.values[f]);
      if (!has) passes[f] = 0;
      known += has;
      passing += passes[f];
    }
    return { table, x, y, colour, passes, known, passing, current: this.panel.current, front: front ? paretoFront(x, y, passes) : [],
      selected: null, run: null, brush: null, limit: null };
  }

  /** Functions in the brush, which belongs to one map and shows on all. */
  brushed() {
    const [number, ...box] = state.brush.split(",").map(Number);
    const scene = this.scenes[number];
    if (state.brush === "" || !scene || box.length !== 4) return null;
    const { x, y, passes } = scene;
    scene.brush = box;
    return passes.map((ok, f) => Number(ok && x.values[f] >= box[0] && x.values[f] <= box[1] && y.values[f] >= box[2] && y.values[f] <= box[3]));
  }

  draw() {
    this.complete();
    const table = this.table();
    const passes = allowedOf(this.space, table);
    this.scenes = [this.sceneOf(table, passes, true)];
    const second = this.tables[Number(state.second)];
    if (state.second !== "" && second) this.scenes.push(this.sceneOf(second, passes, true));
    const selected = this.brushed();
    const run = this.searches.marks();
    for (const scene of this.scenes) {
      scene.selected = selected;
      scene.run = run;
      scene.limit = state.limit !== "" && scene.x.id === `latency:${state.setting}` ? Number(state.limit) : null;
    }
    while (this.maps.length < this.scenes.length) this.addMap(this.maps.length);
    this.maps.forEach((map, i) => {
      map.element.hidden = i >= this.scenes.length;
      if (i < this.scenes.length) map.show(this.scenes[i]);
    });
    this.controls.draw(this.scenes[0]);
    this.drawLegend();
    this.panel.draw();
    this.list.draw();
    this.searches.draw();
    document.getElementById("summary").textContent =
      `13,824 cells are ${count(this.space.keys.length)} functions. ${table.name}: ${count(table.trainings)} trainings${table.artifact ? ", and a forecast of every function" : ""}. Lower is better.`;
  }

  addMap(number) {
    this.maps.push(new SpaceMap(document.getElementById("maps"), {
      space: this.space,
      textOf: (f) => this.textOf(f),
      onPick: (f) => {
        const cell = this.textOf(f), { y } = this.scenes[0];
        choose({ cell });
        document.getElementById("live").textContent = `${cell}: ${y.label} ${shown(y, y.values[f])}`;
      },
      onBrush: (box) => choose({ brush: [number, ...box.map((v) => Number(v.toPrecision(7)))].join(","), list: "selection" }),
    }));
  }

  addLegend() {
    this.legend = document.createElement("div");
    this.legend.className = "legend";
    document.getElementById("maps").after(this.legend);
  }

  drawLegend() {
    const { colour } = this.scenes[0];
    const ends = colourEnds(colour.values);
    this.legend.innerHTML = `<span class="key">Pareto front: no cell that passes is better in both</span><span>${escaped(colour.label)}: ${escaped(shown(colour, ends[0]))}<canvas width="${COLOURS}" height="1" aria-hidden="true"></canvas>${escaped(shown(colour, ends[1]))}</span>`;
    const pen = this.legend.querySelector("canvas").getContext("2d");
    const colours = palette();
    for (let i = 0; i < COLOURS; i++) {
      pen.fillStyle = colours[colour.better === "higher" ? COLOURS - 1 - i : i];
      pen.fillRect(i, 0, 1, 1);
    }
  }
}

readAddress();
// The head of the page is painted before the data is read.
new Promise((ready) => requestAnimationFrame(() => setTimeout(ready))).then(readData).then((data) => {
  const page = new Page(data);
  document.getElementById("main").hidden = false;
  onChange(() => page.draw());
  window.addEventListener("hashchange", () => { readAddress(); page.draw(); });
  page.draw();
  page.isReady = true;
  document.body.dataset.ready = "true";
}).catch((error) => {
  const failure = document.getElementById("failure");
  failure.hidden = false;
  failure.textContent = `The page could not be shown: ${error.message}. It needs a browser of 2023 or later.`;
  throw error;
});

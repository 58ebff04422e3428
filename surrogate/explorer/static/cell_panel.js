// The cell: editor, measurements, forecast, learning curve, latencies, moves and nearest cells.

class CellPanel {
  /** @param {{space: Space, isServed: boolean, table: () => TableData, x: () => Quantity, y: () => Quantity}} page */
  constructor(page) {
    this.page = page;
    this.element = document.getElementById("cell-panel");
    this.error = "";
    /** The last cell of the server: any that is not in the space. */
    this.served = null;
    this.order = "value";
    this.element.addEventListener("click", (e) => this.clicked(e));
    this.element.addEventListener("change", (e) => {
      if (e.target.dataset.op) choose({ cell: withOperation(state.cell, Number(e.target.dataset.op), e.target.value) });
    });
    this.element.addEventListener("submit", (e) => { e.preventDefault(); this.typed(new FormData(e.target).get("cell")); });
  }

  /** Function of the shown cell in the space; null for another cell. */
  get current() {
    const point = this.page.space.point(state.cell);
    return point === null ? null : this.page.space.points[point];
  }

  async typed(text) {
    const cell = String(text).trim();
    this.error = "";
    if (this.page.space.point(cell) !== null) { choose({ cell }); return; }
    if (!this.page.isServed) {
      this.error = `A cell of this page is written such as 10_100_1000: per node an operation (0 to ${this.page.space.ops.length - 1}) and its skips. For larger cells and other operations run: nasasr explore --serve`;
      this.draw();
      return;
    }
    if (await this.fetchCell(cell)) choose({ cell }); else this.draw();
  }

  async fetchCell(cell) {
    try {
      const answer = await fetch(`/forecast?table=${this.page.table().number}&cell=${encodeURIComponent(cell)}`);
      const found = await answer.json();
      if (!answer.ok) { this.error = found.error; return false; }
      this.served = { ...found, asked: cell, table: this.page.table().number };
      return true;
    } catch {
      this.error = "The server does not answer: start it again with nasasr explore --serve";
      return false;
    }
  }

  clicked(e) {
    const arc = e.target.closest(".arc");
    const button = e.target.closest("button");
    if (arc) choose({ cell: withSkip(state.cell, Number(arc.dataset.node), Number(arc.dataset.flag)) });
    if (!button) return;
    const { skip, go, order } = button.dataset;
    if (skip) {
      choose({ cell: withSkip(state.cell, ...skip.split(",").map(Number)) });
      this.element.querySelector(`[data-skip="${skip}"]`)?.focus();
    }
    if (go) choose({ cell: go });
    if (order) { this.order = order; this.draw(); this.element.querySelector(`[data-order="${order}"]`)?.focus(); }
  }

  draw() {
    // An error is about one text: it goes when another cell is shown.
    if (this.drawn !== undefined && this.drawn !== state.cell) this.error = "";
    this.drawn = state.cell;
    const focused = document.activeElement?.dataset?.op;
    const table = this.page.table(), space = this.page.space;
    const f = this.current;
    const isOther = f === null;
    if (isOther && (this.served?.asked !== state.cell || this.served.table !== table.number)) {
      this.element.innerHTML = `<h2 id="cell-title">Cell</h2>${this.typedForm()}`;
      if (this.page.isServed && !this.error && this.asking !== `${table.number} ${state.cell}`) {
        this.asking = `${table.number} ${state.cell}`;
        this.fetchCell(state.cell).then(() => this.draw());
      }
      return;
    }
    const record = isOther ? this.withDecimals(this.served) : table.record(f, state.cell, space.keys);
    const level = levelIndex(table);
    this.element.innerHTML = [
      this.heading(record, f), isOther ? `<div class="svg-drawing" tabindex="0" role="region" aria-label="Drawing of the cell">${record.svg}</div>${this.typedForm()}` : this.editor(record),
      record.support === "dead" ? `<p class="says" style="margin-top:12px">This cell is dead: its output does not depend on its input, so there is nothing to measure or forecast.</p>` : "",
      ...table.targets.map((target) => this.target(table, target, record, level)),
      this.trainings(table, record), this.curve(table, record, level), this.costs(record),
      this.latencies(table, record, level), isOther ? "" : this.moves(table), isOther ? "" : this.nearest(table, f),
    ].join("");
    if (focused) this.element.querySelector(`[data-op="${focused}"]`)?.focus();
  }

  /** The server's record with the decimals of the page. */
  withDecimals(record) {
    const table = this.page.table();
    for (const of of Object.values(record.targets)) of.decimals = 4;
    for (const s of table.settings) if (record.latencies[s.name]) record.latencies[s.name].decimals = s.decimals;
    return record;
  }

  heading(record, f) {
    const seeds = record.trainings.length;
    const support = record.support === "measured" ? `measured with ${seeds} seed${seeds === 1 ? "" : "s"}` : record.support;
    const points = f === null ? "" : ` · ${count(this.page.space.pointsOf[f].length)} of 13,824 cells compute it`;
    const note = record.note ? `<p class="says">${escaped(record.note)}</p>` : "";
    return `<div class="title-row"><h2 id="cell-title" class="cell-name">${escaped(record.cell)}</h2><span class="badge">${escaped(support)}</span></div>
      <p class="cell-key">${escaped(record.key)}</p><p class="says">One function${points}</p>${note}`;
  }

  editor(record) {
    const space = this.page.space, nodes = record.cell.split("_");
    const selects = nodes.map((node, k) => `<label>Operation ${k + 1}<select data-op="${k}">${space.ops.map((op, i) =>
      `<option value="${i}"${String(i) === node[0] ? " selected" : ""}>${escaped(op)}</option>`).join("")}</select></label>`).join("");
    const skips = nodes.flatMap((node, k) => [...node.slice(1)].map((flag, j) =>
      `<button type="button" class="chip" data-skip="${k},${j}" aria-pressed="${flag === "1"}" aria-label="Skip ${skipName(j, k + 1)}">${skipName(j, k + 1)}</button>`)).join("");
    return `<div class="editor" role="group" aria-label="Cell editor">${cellDrawing(space, record.cell)}<div class="ops3">${selects}</div>
      <div class="skips" role="group" aria-label="Skip connections">${skips}</div>${this.typedForm()}</div>`;
  }

  typedForm() {
    const hint = this.page.isServed ? "Any cell of 1 to 6 nodes" : "Cell as text";
    const error = this.error ? `<p class="error" role="alert">${escaped(this.error)}</p>` : "";
    return `<form class="typed"><input type="text" name="cell" aria-label="${hint}" placeholder="${hint}" value="${escaped(state.cell)}" autocomplete="off" spellcheck="false"><button>Show</button></form>${error}`;
  }

  /** The best estimate of the mean over seeds, and below it the forecast of one training. */
  target(table, target, record, level) {
    const own = record.targets[target.name];
    if (!own || own.mean === null || own.mean < 0) return "";
    const text = (v) => shownWhole(v, own.decimals);
    const name = OWN_LABELS[target.name] ?? target.name;
    const { estimate } = own, best = estimate ?? own;
    const quantity = table.byId.get(estimate ? `estimate:${target.name}` : target.name);
    const value = best.mean / 10 ** own.decimals;
    const known = quantity.values.filter((v) => !Number.isNaN(v)).sort();
    const worse = known.filter((v) => (target.direction === "maximise" ? v < value : v > value)).length;
    const middle = known[Math.floor(known.length / 2)], first = target.direction === "maximise" ? known[known.length - 1] : known[0];
    const trainings = record.trainings.map((t) => t[target.name]).filter((v) => v !== null && v !== undefined && v >= 0).map((v) => v / 1e4);
    const shownLevel = percent(table.levels[level]);
    const kind = estimate ? "best estimate" : "forecast";
    const ends = (of, what) => `<span data-value="${escaped(target.name)}${what}">${text(of.low[level])} to ${text(of.high[level])}</span>`;
    const says = `${kind} ${text(best.mean)}, ${shownLevel} interval ${text(best.low[level])} to ${text(best.high[level])}`;
    const number = estimate
      ? `<b data-value="${escaped(target.name)}-estimate">${text(best.mean)}</b><span>${shownLevel} interval of the mean over seeds: ${ends(best, "-estimate-interval")}</span>`
      : `<b data-value="${escaped(target.name)}">${text(own.mean)}</b><span>${shownLevel} of labels in ${ends(own, "-interval")}</span>`;
    const one = estimate ? `Forecast of one training: <span data-value="${escaped(target.name)}">${text(own.mean)}</span>, ${shownLevel} in ${ends(own, "-interval")}. ` : "";
    const scale = (v) => (v < 0 || v === null ? null : v / 10 ** own.decimals);
    return `<h3>${escaped(name)}, ${kind} (${target.direction === "maximise" ? "higher" : "lower"} is better)</h3>
      <p class="number">${number}</p>
      ${histogramChart(quantity, { low: scale(best.low[level]), high: scale(best.high[level]), mean: value, trainings }, `${name} over all functions; ${says}`)}
      <p class="says">Better than <b>${(Math.floor((1000 * worse) / known.length) / 10).toFixed(1)} %</b> of functions (median ${middle.toFixed(own.decimals)}, best ${first.toFixed(own.decimals)}). ${one}Standard deviation ${text(own.std)}${own.collapse !== null && own.collapse >= 0 ? `, probability of a collapsed training ${text(own.collapse)}` : ""}.${trainings.length ? " Circles are its trainings." : ""}</p>`;
  }

  trainings(table, record) {
    if (!record.trainings.length) return "";
    const labels = table.labels.filter((l) => record.trainings.some((t) => t[l.name] !== null && t[l.name] !== undefined));
    const mean = (name) => (record.function === undefined ? null : wholeAt(table.column(`measured/${name}`), record.function));
    const rows = labels.map((l) => `<tr><td><abbr title="${escaped(l.says)}">${escaped(l.name)}</abbr></td>${record.trainings.map((t) => `<td>${shownWhole(t[l.name], 4)}</td>`).join("")}${record.trainings.length > 1 ? `<td>${shownWhole(mean(l.name), 4)}</td>` : ""}</tr>`).join("");
    return `<h3>Measured, per training seed</h3><div class="scroll" tabindex="0" role="region" aria-label="Measurements"><table><thead><tr><th>Label</th>${record.trainings.map((t) => `<th>${t.seed}</th>`).join("")}${record.trainings.length > 1 ? "<th>mean</th>" : ""}</tr></thead><tbody>${rows}</tbody></table></div>
      <p class="says">One training says little: ${Object.values(record.targets).some((of) => of.estimate) ? "the best estimate weighs it with the forecast" : "prefer the forecast unless several seeds agree"}.</p>`;
  }

  curve(table, record, level) {
    if (!record.curve && !record.trainings.some((t) => t.curve)) return "";
    const says = record.curve ? `Forecast with its ${percent(table.levels[level])} interval` : "Trainings";
    return `<h3>Learning curve: validation PER per epoch</h3>${curveChart(record.curve, level, record.trainings, `${says}, and ${record.trainings.length} trainings`)}`;
  }

  costs(record) {
    const distance = record.distance !== null && record.distance >= 0 ? `<div><dt>Distance to the training set</dt><dd>${shownWhole(record.distance, 3)}</dd></div>` : "";
    return `<dl class="facts"><div><dt>Parameters</dt><dd data-value="params">${count(record.params)}</dd></div><div><dt>MACs of 1 s of speech</dt><dd data-value="macs">${count(record.macs)}</dd></div>${distance}</dl>`;
  }

  latencies(table, record, level) {
    const rows = table.settings.map((s) => {
      const own = record.latencies[s.name];
      if (!own) return "";
      const interval = table.levels.length ? `${shownWhole(own.low[level], s.decimals)}–${shownWhole(own.high[level], s.decimals)}` : "–";
      return `<tr data-setting="${escaped(s.name)}"><td title="${escaped(`${s.name} on ${s.device}`)}">${escaped(settingName(s.name))}</td><td>${shownWhole(own.mean, s.decimals)}</td><td>${interval}</td><td>${shownWhole(own.measured, s.decimals)}</td></tr>`;
    }).join("");
    if (!rows) return "";
    return `<h3>Latency in ms, lower is better</h3><div class="scroll" tabindex="0" role="region" aria-label="Latencies"><table><thead><tr><th>Setting</th><th>forecast</th><th>${table.levels.length ? percent(table.levels[level]) : "interval"}</th><th>measured</th></tr></thead><tbody>${rows}</tbody></table></div>`;
  }

  /** Rows of other points: a link, and how their values differ from those of the shown cell. */
  rowsOf(others) {
    const { x, y } = { x: this.page.x(), y: this.page.y() };
    const f = this.current;
    const change = (q, g) => {
      const by = q.values[g] - q.values[f];
      if (Number.isNaN(by)) return "<td>–</td>";
      const text = by.toFixed(q.decimals).replace("-", "−");
      const kind = by === 0 ? "" : (by < 0) === (q.better === "lower") ? "better" : "worse";
      return `<td class="${kind}">${by > 0 ? "+" : ""}${text}</td>`;
    };
    return others.map((o) => `<tr><td><button type="button" class="go" data-go="${o.text}">${escaped(o.says)}</button></td>${o.extra ?? ""}<td>${Number.isNaN(y.values[o.f]) ? "–" : y.values[o.f].toFixed(y.decimals)}</td>${change(y, o.f)}${change(x, o.f)}</tr>`).join("");
  }

  moves(table) {
    const { space } = this.page;
    const y = this.page.y();
    const moves = space.moves(space.point(state.cell)).map((m) => ({ text: space.text(m.point), f: space.points[m.point], says: m.change }));
    const sign = y.better === "higher" ? -1 : 1;
    const key = (m) => (Number.isNaN(y.values[m.f]) ? Infinity : sign * y.values[m.f]);
    if (this.order === "value") moves.sort((a, b) => key(a) - key(b));
    const x = this.page.x();
    return `<h3>${moves.length} moves: one operation or skip changed</h3><div class="scroll" style="max-height:270px" tabindex="0" role="region" aria-label="Moves"><table id="moves"><thead><tr><th><button type="button" data-order="change">Change</button></th><th><button type="button" data-order="value">${escaped(shortLabel(y))}</button></th><th>change</th><th>${escaped(shortLabel(x))} change</th></tr></thead><tbody>${this.rowsOf(moves)}</tbody></table></div>`;
  }

  nearest(table, f) {
    const { space } = this.page, near = space.nearest;
    const others = [...Array(near.shape[0]).keys()].map((i) => {
      const g = wholeAt(near, i * near.shape[1] + f);
      if (g === null) return null;
      const squared = wholeAt(space.nearestSquared, i * near.shape[1] + f);
      const text = space.text(space.pointsOf[g][0]);
      return { text, f: g, says: text, extra: `<td>${Math.sqrt(squared).toFixed(2)}</td>` };
    }).filter(Boolean);
    if (!others.length) return "";
    return `<h3>Nearest cells, by counts of operations and edges</h3><div class="scroll" tabindex="0" role="region" aria-label="Nearest cells"><table id="nearest"><thead><tr><th>Cell</th><th>distance</th><th>${escaped(shortLabel(this.page.y()))}</th><th>change</th><th>${escaped(shortLabel(this.page.x()))} change</th></tr></thead><tbody>${this.rowsOf(others)}</tbody></table></div>`;
  }
}

/** A quantity in a word or two, for the head of a column. */
function shortLabel(q) {
  const [kind, name] = q.id.split(":");
  if (name === undefined) return kind.endsWith("_per") ? `${kind} forecast` : kind;
  return { latency: "latency ms", "measured-latency": "measured ms", measured: `${name} measured`, estimate: `${name} estimate`, std: `${name} std` }[kind];
}

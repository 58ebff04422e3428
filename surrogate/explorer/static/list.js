// The list of cells below the map, and the file of it.

const MOST_ROWS = 200;

class CellList {
  constructor(page) {
    this.page = page;
    this.table = document.getElementById("list");
    this.order = { id: null, falls: false };
    this.table.addEventListener("click", (e) => {
      const button = e.target.closest("button");
      if (!button) return;
      if (button.dataset.go) choose({ cell: button.dataset.go });
      if (button.dataset.sort) {
        const { id, falls } = this.order;
        this.order = { id: button.dataset.sort, falls: id === button.dataset.sort && !falls };
        this.draw();
        this.table.querySelector(`[data-sort="${CSS.escape(this.order.id)}"]`)?.focus();
      }
    });
    document.querySelectorAll("[data-list]").forEach((button) =>
      button.addEventListener("click", () => choose({ list: button.dataset.list })));
    document.getElementById("clear-selection").addEventListener("click", () => choose({ brush: "", list: "front" }));
    document.getElementById("csv").addEventListener("click", () => {
      const { table } = this.page.scene();
      save(`nasasr-${table.name}-${state.list}.csv`, this.csv(), "text/csv;charset=utf-8");
    });
  }

  /** Functions of the list, sorted. */
  functions() {
    const { table, front, passes, selected, y } = this.page.scene();
    const every = [...Array(table.count).keys()];
    const found = state.list === "front" ? [...front]
      : every.filter((f) => passes[f] && (state.list !== "selection" || (selected && selected[f])));
    const q = table.byId.get(this.order.id) ?? y;
    const sign = (q.better === "higher" ? -1 : 1) * (this.order.falls ? -1 : 1);
    const key = (f) => (Number.isNaN(q.values[f]) ? Infinity : sign * q.values[f]);
    return found.sort((a, b) => key(a) - key(b) || a - b);
  }

  columns() {
    const { table, x, y, colour } = this.page.scene();
    const extra = ["estimate:val_per", "val_per", "measured:val_per", "params"].map((id) => table.byId.get(id)).filter(Boolean);
    return [...new Set([y, x, colour, ...extra])];
  }

  draw() {
    const { current, selected } = this.page.scene();
    const functions = this.functions(), columns = this.columns();
    const head = columns.map((q) => `<th aria-sort="${this.order.id === q.id ? (this.order.falls ? "descending" : "ascending") : "none"}"><button type="button" data-sort="${escaped(q.id)}" title="${escaped(q.label)}">${escaped(shortLabel(q))}${q.unit && !shortLabel(q).includes(q.unit) ? ` ${q.unit}` : ""}</button></th>`).join("");
    const rows = functions.slice(0, MOST_ROWS).map((f) => {
      const text = this.page.textOf(f);
      return `<tr${f === current ? ' class="now"' : ""}><td><button type="button" class="go" data-go="${text}">${text}</button></td>${columns.map((q) => `<td>${Number.isNaN(q.values[f]) ? "–" : q.values[f].toFixed(q.decimals)}</td>`).join("")}</tr>`;
    }).join("");
    this.table.innerHTML = `<caption class="unseen">Cells of the chosen list</caption><thead><tr><th>Cell</th>${head}</tr></thead><tbody>${rows}</tbody>`;
    document.querySelectorAll("[data-list]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.list === state.list)));
    document.getElementById("clear-selection").hidden = !state.brush;
    document.getElementById("csv").disabled = !functions.length;
    const says = functions.length > MOST_ROWS ? `The first ${MOST_ROWS} of ${count(functions.length)}; the file has all.`
      : state.list === "selection" && !selected ? "Nothing is selected: press Select on a map, or hold Shift, and drag."
        : `${count(functions.length)} cells, one per function.`;
    document.getElementById("list-says").textContent = says;
  }

  /** The list with every quantity of the table, as on the page. */
  csv() {
    const { space } = this.page, { table } = this.page.scene();
    const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
    const head = ["cell", "functional_key", ...table.quantities.map((q) => (q.unit ? `${q.id} [${q.unit}]` : q.id))];
    const rows = this.functions().map((f) => [this.page.textOf(f), space.keys[f],
      ...table.quantities.map((q) => (Number.isNaN(q.values[f]) ? "" : q.values[f].toFixed(q.decimals)))]);
    return [head, ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
  }
}

// The data of the page: columns of whole numbers, and the quantities that they make.

/**
 * A column: whole numbers, the largest of its kind for a missing one, or floating-point numbers.
 * @typedef {{values: ArrayLike<number>, missing: number, shape: number[]}} Column
 */

/**
 * A number of each function.
 * @typedef {{id: string, label: string, short: string, unit: string, decimals: number,
 *   values: Float64Array, better: string}} Quantity
 */

const KINDS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f8: Float64Array };
const LARGEST = { u1: 0xff, u2: 0xffff, u4: 0xffffffff, f8: NaN };
const OWN_LABELS = { val_per: "Validation PER", test_per: "Test PER" };

/** Read the block of `surrogate.explorer.columns.packed`. */
async function readData() {
  const text = document.getElementById("data").textContent.trim();
  const packed = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const about = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  /** @type {Map<string, Column>} */
  const columns = new Map();
  for (const entry of about.columns) {
    const size = Number(entry.kind[1]);
    const count = entry.shape.reduce((a, b) => a * b, 1);
    const planes = bytes.subarray(4 + length + entry.offset, 4 + length + entry.offset + count * size);
    const plain = new Uint8Array(count * size);
    for (let plane = 0; plane < size; plane++) {
      for (let i = 0; i < count; i++) plain[i * size + plane] = planes[plane * count + i];
    }
    const values = new KINDS[entry.kind](plain.buffer);
    columns.set(entry.name, { values, missing: LARGEST[entry.kind], shape: entry.shape });
  }
  return { about, columns };
}

/** A whole number of a column; null for a missing one. */
function wholeAt(column, i) {
  const value = column ? column.values[i] : undefined;
  return value === undefined || value === column.missing || Number.isNaN(value) ? null : value;
}

/** A column as floating-point numbers in its shown unit; NaN for missing ones. */
function floats(column, decimals) {
  const scale = 10 ** decimals;
  return Float64Array.from(column.values, (v) => (v === column.missing ? NaN : v / scale));
}

/** The space: texts of points, functions of points, moves. */
class Space {
  constructor(about, columns) {
    this.ops = about.ops;
    this.nodes = about.nodes;
    this.keys = about.keys;
    this.points = columns.get("points").values;
    this.nearest = columns.get("nearest");
    this.nearestSquared = columns.get("nearest_squared");
    /** Points of each function. */
    this.pointsOf = this.keys.map(() => []);
    this.points.forEach((f, point) => this.pointsOf[f].push(point));
    /** Operations of each point: bit i is that of operation i. */
    this.opsOf = Uint32Array.from(this.points, (_, point) =>
      this.text(point).split("_").reduce((bits, node) => bits | (1 << Number(node[0])), 0));
  }

  /** The first point of a function that has none of some operations; null if all have one. */
  pointWithout(f, removed) {
    const bits = this.ops.reduce((sum, op, i) => (removed.has(op) ? sum | (1 << i) : sum), 0);
    return this.pointsOf[f].find((point) => !(this.opsOf[point] & bits)) ?? null;
  }

  /** Text of a point, in the order of `CellSpace`: the first coordinate varies fastest. */
  text(point) {
    const nodes = [];
    for (let k = 1, rest = point; k <= this.nodes; k++) {
      let node = String(rest % this.ops.length);
      rest = Math.floor(rest / this.ops.length);
      for (let j = 0; j < k; j++, rest >>= 1) node += rest & 1;
      nodes.push(node);
    }
    return nodes.join("_");
  }

  /** Index of a point; null if the text is not in the space. */
  point(text) {
    const nodes = text.trim().split("_");
    if (nodes.length !== this.nodes) return null;
    let index = 0, place = 1;
    for (let k = 1; k <= this.nodes; k++) {
      const node = nodes[k - 1];
      if (!/^[0-9][01]+$/.test(node) || node.length !== k + 1) return null;
      if (Number(node[0]) >= this.ops.length) return null;
      index += Number(node[0]) * place;
      place *= this.ops.length;
      for (const flag of node.slice(1)) { index += Number(flag) * place; place *= 2; }
    }
    return index;
  }

  /** Points that differ in one operation or skip, with the change in words. */
  moves(point) {
    const nodes = this.text(point).split("_");
    const found = [];
    const add = (k, node, change) => {
      const text = nodes.map((own, i) => (i === k ? node : own)).join("_");
      found.push({ point: this.point(text), change });
    };
    nodes.forEach((node, k) => {
      this.ops.forEach((op, i) => {
        if (String(i) !== node[0]) add(k, i + node.slice(1), `operation ${k + 1}: ${op}`);
      });
      [...node.slice(1)].forEach((flag, j) => {
        const flags = [...node];
        flags[j + 1] = flag === "1" ? "0" : "1";
        add(k, flags.join(""), `${flag === "1" ? "remove" : "add"} skip ${skipName(j, k + 1)}`);
      });
    });
    return found;
  }
}

function skipName(from, to) {
  return `${from === 0 ? "input" : from} → ${to}`;
}

/** A table with its forecasts. */
class TableData {
  constructor(number, about, columns, space) {
    Object.assign(this, about);
    // The latencies of the table's own network first.
    const isOwn = (s) => s.name.startsWith(`${this.name}/`);
    this.settings = [...about.settings].sort((a, b) => Number(isOwn(b)) - Number(isOwn(a)));
    this.number = number;
    this.column = (name) => columns.get(`${number}/${name}`);
    this.count = space.keys.length;
    this.rowsOf = space.keys.map(() => []);
    this.column("rows/function").values.forEach((f, row) => this.rowsOf[f].push(row));
    this.quantities = this.makeQuantities();
    this.byId = new Map(this.quantities.map((q) => [q.id, q]));
  }

  /** @returns {Quantity[]} */
  makeQuantities() {
    const found = [];
    const add = (id, label, unit, decimals, column, better = "lower") => {
      if (column && [...column.values].some((v) => v !== column.missing)) {
        const values = floats(column, decimals);
        found.push({ id, label, unit, decimals, values, better });
      }
    };
    for (const target of this.targets) {
      const name = OWN_LABELS[target.name] ?? target.name;
      const better = target.direction === "maximise" ? "higher" : "lower";
      add(`estimate:${target.name}`, `${name}, best estimate`, "", target.decimals, this.column(`estimate/${target.name}/mean`), better);
      add(target.name, `${name}, forecast`, "", target.decimals, this.column(`${target.name}/mean`), better);
    }
    for (const label of this.labels) {
      const name = OWN_LABELS[label.name] ?? label.name;
      add(`measured:${label.name}`, `${name}, measured`, "", 4, this.column(`measured/${label.name}`));
    }
    for (const setting of this.settings) {
      const name = settingName(setting.name);
      const of = (what) => this.column(`latency/${setting.name}/${what}`);
      add(`latency:${setting.name}`, `Latency ${name}, forecast`, "ms", setting.decimals, of("mean"));
      add(`measured-latency:${setting.name}`, `Latency ${name}, measured`, "ms", setting.decimals, of("measured"));
    }
    const million = (name) => ({ values: Float64Array.from(this.column(name).values, (v) => v / 1e6), missing: NaN });
    add("params", "Parameters", "M", 0, million("params"));
    add("macs", "MACs of 1 s of speech", "M", 0, million("macs"));
    for (const q of found) if (q.id === "params" || q.id === "macs") q.decimals = 4;
    for (const target of this.targets) {
      add(`std:${target.name}`, `${OWN_LABELS[target.name] ?? target.name}, standard deviation`, "", 4, this.column(`${target.name}/std`));
    }
    add("seeds", "Seeds measured", "", 0, this.column("seeds"), "higher");
    return found;
  }

  /** Everything about one function, as the server has it of any cell. */
  record(f, text, keys) {
    const own = (name) => this.column(name);
    const levels = this.levels.map((_, l) => l);
    const ranged = (name, decimals) => ({
      decimals,
      mean: wholeAt(own(`${name}/mean`), f), std: wholeAt(own(`${name}/std`), f),
      collapse: wholeAt(own(`${name}/collapse`), f), measured: wholeAt(own(`${name}/measured`), f),
      low: levels.map((l) => wholeAt(own(`${name}/low`), l * this.count + f)),
      high: levels.map((l) => wholeAt(own(`${name}/high`), l * this.count + f)),
    });
    const withEstimate = (name) => {
      const { mean, low, high } = ranged(`estimate/${name}`, 4);
      return { ...ranged(name, 4), estimate: mean === null ? null : { mean, low, high } };
    };
    const curve = own("curve/mean");
    const epochs = curve ? [...Array(curve.shape[0]).keys()] : [];
    const ends = (name) => levels.map((l) => epochs.map((e) => wholeAt(own(`curve/${name}`), (l * epochs.length + e) * this.count + f)));
    const rows = own("rows/curve");
    const support = own("support");
    const trained = this.rowsOf[f].length > 0;
    return {
      cell: text, key: keys[f], function: f, note: "",
      support: support ? this.supports[support.values[f]] : trained ? "measured" : "not measured",
      params: own("params").values[f], macs: own("macs").values[f],
      distance: wholeAt(own("distance"), f),
      targets: Object.fromEntries(this.targets.map((t) => [t.name, withEstimate(t.name)])),
      latencies: Object.fromEntries(this.settings.map((s) => [s.name, ranged(`latency/${s.name}`, s.decimals)])),
      curve: curve && wholeAt(curve, f) !== null
        ? { mean: epochs.map((e) => wholeAt(curve, e * this.count + f)), low: ends("low"), high: ends("high") } : null,
      trainings: this.rowsOf[f].map((row) => ({
        seed: own("rows/seed").values[row],
        curve: [...Array(rows.shape[0]).keys()].map((e) => wholeAt(rows, e * rows.shape[1] + row)),
        ...Object.fromEntries(this.labels.map((l) => [l.name, wholeAt(own(`rows/${l.name}`), row)])),
      })),
    };
  }
}

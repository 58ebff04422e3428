// Which functions pass the limit and the filter, and which of them no other beats.

/** Conditions of the filter: "params:le:0.2;val_per:le:0.58". */
function conditions() {
  return state.where.split(";").filter(Boolean).map((text) => {
    const parts = text.split(":");
    const value = Number(parts.pop());
    const way = parts.pop();
    return { id: parts.join(":"), way, value, text };
  });
}

/** Operations that the filter removes. */
function removedOperations() {
  return new Set(state.ops.split(",").filter(Boolean));
}

/** Whether each function of a table passes the filter and the latency limit. */
function allowedOf(space, table) {
  const passes = new Uint8Array(table.count).fill(1);
  // Dead functions have parameters and multiply-accumulates too, the fewest of all.
  for (let f = 0; f < table.count; f++) if (wholeAt(space.nearest, f) === null) passes[f] = 0;
  // Several cells may be one function: one of them without the removed operations is enough.
  const removed = removedOperations();
  if (removed.size) {
    for (let f = 0; f < table.count; f++) if (space.pointWithout(f, removed) === null) passes[f] = 0;
  }
  for (const { id, way, value } of conditions()) {
    const values = table.byId.get(id)?.values;
    if (!values) continue;
    for (let f = 0; f < table.count; f++) {
      if (!(way === "le" ? values[f] <= value : values[f] >= value)) passes[f] = 0;
    }
  }
  const holds = holdsLimit(table);
  for (let f = 0; f < table.count; f++) if (!holds(f)) passes[f] = 0;
  return passes;
}

/** Whether the upper end of a function's latency is within the limit, at the chosen level. */
function holdsLimit(table) {
  const setting = table.settings.find((s) => s.name === state.setting);
  if (!setting || state.limit === "") return () => true;
  const most = Math.round(Number(state.limit) * 10 ** setting.decimals);
  const high = table.column(`latency/${setting.name}/high`) ?? table.column(`latency/${setting.name}/measured`);
  const start = table.column(`latency/${setting.name}/high`) ? levelIndex(table) * table.count : 0;
  return (f) => {
    const end = wholeAt(high, start + f);
    return end !== null && end <= most;
  };
}

function levelIndex(table) {
  const chosen = table.levels.findIndex((level) => String(level) === state.level);
  const usual = Math.max(table.levels.indexOf(0.9), 0);
  return chosen >= 0 ? chosen : usual;
}

/** Indices of the functions that no other allowed one beats in both quantities, along x. */
function paretoFront(x, y, passes) {
  const sign = (q) => (q.better === "higher" ? -1 : 1);
  const [sx, sy] = [sign(x), sign(y)];
  const order = [];
  for (let f = 0; f < passes.length; f++) {
    if (passes[f] && !Number.isNaN(x.values[f]) && !Number.isNaN(y.values[f])) order.push(f);
  }
  order.sort((a, b) => sx * (x.values[a] - x.values[b]) || sy * (y.values[a] - y.values[b]));
  const front = [];
  let best = Infinity;
  for (const f of order) {
    if (sy * y.values[f] < best) { best = sy * y.values[f]; front.push(f); }
  }
  return front;
}

/** The allowed function with the best value; null if there is none. */
function bestOf(quantity, passes) {
  const sign = quantity.better === "higher" ? -1 : 1;
  let best = null;
  for (let f = 0; f < passes.length; f++) {
    const value = sign * quantity.values[f];
    if (passes[f] && !Number.isNaN(value) && (best === null || value < sign * quantity.values[best])) best = f;
  }
  return best;
}

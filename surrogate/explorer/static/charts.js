// Small charts of the cell panel and of a search, as SVG with words for screen readers.

const CHART_WIDTH = 376;

function svgChart(height, label, body) {
  return `<svg class="chart" viewBox="0 0 ${CHART_WIDTH} ${height}" role="img" aria-label="${escaped(label)}">${body}</svg>`;
}

/** Histogram of a forecast over all functions, with the interval, the mean and the trainings. */
function histogramChart(quantity, { low, high, mean, trainings }, label) {
  const bins = 60, height = 78, base = 56;
  const sorted = Float64Array.from(quantity.values.filter((v) => !Number.isNaN(v))).sort();
  const cut = sorted[Math.round(0.985 * (sorted.length - 1))];
  const marks = [low, high, mean, ...trainings].filter((v) => v !== null);
  const from = Math.min(sorted[0], ...marks), to = Math.max(cut, ...marks);
  const pad = (to - from) * 0.02 || 0.01;
  const place = (v) => ((v - from + pad) / (to - from + 2 * pad)) * CHART_WIDTH;
  const counts = new Array(bins).fill(0);
  for (const v of sorted) {
    const bin = Math.floor((place(v) / CHART_WIDTH) * bins);
    if (bin >= 0 && bin < bins) counts[bin]++;
  }
  const most = Math.max(...counts), wide = CHART_WIDTH / bins;
  let body = counts.map((n, i) => n
    ? `<rect x="${(i * wide + 0.5).toFixed(1)}" y="${(base - (n / most) * 40).toFixed(1)}" width="${(wide - 1).toFixed(1)}" height="${((n / most) * 40).toFixed(1)}" fill="var(--dim)"/>` : "").join("");
  if (low !== null) body += `<rect x="${place(low)}" y="6" width="${Math.max(place(high) - place(low), 1)}" height="${base - 6}" fill="var(--band)" rx="2"/>`;
  if (mean !== null) body += `<line x1="${place(mean)}" x2="${place(mean)}" y1="4" y2="${base}" stroke="var(--accent)" stroke-width="2.5"/>`;
  trainings.forEach((v) => { body += `<circle cx="${place(v)}" cy="${base - 4}" r="4" fill="var(--card)" stroke="var(--run)" stroke-width="2"/>`; });
  body += `<line x1="0" x2="${CHART_WIDTH}" y1="${base}" y2="${base}" stroke="var(--line)"/>`;
  const values = ticks(from, to, 5);
  tickTexts(values).forEach((text, i) => { body += `<text x="${place(values[i])}" y="${height - 6}" text-anchor="middle">${text}</text>`; });
  return svgChart(height, label, body);
}

/** Learning curve: forecast with its interval, and the trainings. */
function curveChart(curve, level, trainings, label) {
  const height = 190, left = 40, right = 70, top = 10, bottom = 30;
  const of = (row) => row.map((v) => (v === null || v < 0 ? NaN : v / 1e4));
  const lines = trainings.filter((t) => t.curve).map((t) => ({ seed: t.seed, values: of(t.curve) }));
  const band = curve ? [of(curve.low[level]), of(curve.high[level])] : null;
  const mean = curve ? of(curve.mean) : null;
  const all = [...lines.flatMap((l) => l.values), ...(band ? band.flat() : []), ...(mean ?? [])].filter((v) => !Number.isNaN(v));
  if (!all.length) return "";
  const epochs = Math.max(mean?.length ?? 0, ...lines.map((l) => l.values.length));
  const low = Math.min(...all), high = Math.max(...all);
  const x = (e) => left + (e / Math.max(epochs - 1, 1)) * (CHART_WIDTH - left - right);
  const y = (v) => top + (1 - (v - low) / (high - low || 1)) * (height - top - bottom);
  const path = (values) => values.map((v, e) => (Number.isNaN(v) ? "" : `${e ? "L" : "M"}${x(e).toFixed(1)} ${y(v).toFixed(1)}`)).join("");
  const values = ticks(low, high, 4);
  let body = tickTexts(values).map((text, i) =>
    `<line x1="${left}" x2="${CHART_WIDTH - right}" y1="${y(values[i])}" y2="${y(values[i])}" stroke="var(--grid)"/><text x="${left - 6}" y="${y(values[i]) + 4}" text-anchor="end">${text}</text>`).join("");
  for (const e of ticks(1, epochs, 5).map(Math.round)) body += `<text x="${x(e - 1)}" y="${height - 12}" text-anchor="middle">${e}</text>`;
  body += `<text x="${CHART_WIDTH}" y="${height - 12}" text-anchor="end">epoch</text>`;
  if (band) body += `<path d="${path(band[1])}${band[0].map((v, e) => [e, v]).reverse().map(([e, v]) => `L${x(e).toFixed(1)} ${y(v).toFixed(1)}`).join("")}Z" fill="var(--band)"/>`;
  for (const line of lines) body += `<path d="${path(line.values)}" fill="none" stroke="var(--run)" stroke-width="1.4"/>`;
  if (mean) body += `<path d="${path(mean)}" fill="none" stroke="var(--accent)" stroke-width="2.5"/>`;
  // Names at the ends of the lines, and not on each other.
  const ends = [...(mean ? [{ text: "forecast", v: mean[mean.length - 1], strong: true }] : []),
    ...lines.map((l) => ({ text: `seed ${l.seed}`, v: l.values[l.values.length - 1] }))].sort((a, b) => b.v - a.v);
  let last = -Infinity;
  const starts = ends.map(({ v }) => (last = Math.max(y(v) + 4, last + 13)));
  const over = Math.max(0, last - (height - bottom + 4));
  ends.forEach((end, i) => { body += `<text x="${CHART_WIDTH - right + 8}" y="${starts[i] - over}"${end.strong ? ' class="strong"' : ""}>${end.text}</text>`; });
  return svgChart(height, label, body);
}

/** The best value so far of a search, per evaluation, up to a step. */
function bestSoFarChart(values, shownCount, label) {
  const height = 120, left = 52, right = 14, top = 12, bottom = 26;
  const known = values.filter((v) => !Number.isNaN(v));
  if (!known.length) return "";
  const sorted = [...known].sort((a, b) => a - b);
  const low = sorted[0], high = Math.max(sorted[Math.floor(0.85 * (sorted.length - 1))], known[0]);
  const x = (i) => left + (i / Math.max(values.length - 1, 1)) * (CHART_WIDTH * 2 - left - right);
  // Collapsed trainings stand at the upper edge.
  const y = (v) => top + (1 - (Math.min(v, high) - low) / (high - low || 1)) * (height - top - bottom);
  const marks = ticks(low, high, 4);
  let body = tickTexts(marks).map((text, i) => `<line x1="${left}" x2="${CHART_WIDTH * 2 - right}" y1="${y(marks[i])}" y2="${y(marks[i])}" stroke="var(--grid)"/><text x="${left - 6}" y="${y(marks[i]) + 4}" text-anchor="end">${text}</text>`).join("");
  let best = Infinity, path = "";
  values.forEach((v, i) => {
    const lit = i < shownCount;
    if (!Number.isNaN(v)) body += `<circle cx="${x(i)}" cy="${y(v)}" r="2.6" fill="${lit ? "var(--run)" : "var(--dim)"}"/>`;
    if (!lit || Number.isNaN(v)) return;
    if (v < best) { path += path ? `H${x(i)}V${y(v)}` : `M${x(i)} ${y(v)}`; best = v; }
  });
  if (path) body += `<path d="${path}H${x(shownCount - 1)}" fill="none" stroke="var(--front)" stroke-width="2.5"/>`;
  body += `<text x="${left}" y="${height - 6}">1</text><text x="${CHART_WIDTH * 2 - right}" y="${height - 6}" text-anchor="end">${values.length} trainings</text>`;
  return `<svg class="chart" viewBox="0 0 ${CHART_WIDTH * 2} ${height}" role="img" aria-label="${escaped(label)}">${body}</svg>`;
}

// Numbers and names as people read them.

/** A whole number of a column with its decimals. */
function shownWhole(whole, decimals) {
  return whole === null || whole === undefined || whole < 0 ? "–" : (whole / 10 ** decimals).toFixed(decimals);
}

/** A value of a quantity, with its unit. */
function shown(quantity, value) {
  if (Number.isNaN(value)) return "–";
  return `${value.toFixed(quantity.decimals)}${quantity.unit ? ` ${quantity.unit}` : ""}`;
}

/** A number with four significant digits, of any size: an error rate, seconds or a count. */
function significant(value) {
  return Math.abs(value) >= 1000 ? count(Math.round(value)) : value.toPrecision(4);
}

function count(number) {
  return number.toLocaleString("en-US");
}

function percent(level) {
  return `${Number((level * 100).toFixed(2))} %`;
}

/** "timit-micro/cpu-onnx-fp32-t1-b1-1s" in words. */
function settingName(name) {
  const match = /^(.+)\/(cpu|cuda)-(\w+)-(\w+)-t(\d+)-b(\d+)-([\d.]+)s$/.exec(name);
  if (!match) return name;
  const [, network, device, engine, precision, threads, batch, seconds] = match;
  const extra = [
    device === "cpu" && threads !== "1" ? `${threads} threads` : "",
    batch === "1" ? "" : `batch ${batch}`,
    seconds === "1" ? "" : `${seconds} s`,
  ].filter(Boolean);
  const where = `${device === "cuda" ? "GPU" : "CPU"} ${engine === "onnx" ? "ONNX" : engine} ${precision}`;
  return [`${network} ${where}`, ...extra].join(", ");
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** About `most` round numbers between two ends. */
function ticks(low, high, most) {
  const raw = (high - low) / Math.max(most, 1);
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((m) => m * power >= raw) * power;
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(i * step);
  return found;
}

/** The longest name of an axis that fits in some pixels, with the better end. */
function axisTitle(pen, quantity, room) {
  const { label, unit, better } = quantity;
  const name = `${label}${unit ? ` [${unit}]` : ""}  ${better === "higher" ? "→" : "←"}`;
  const longer = [`${name} ${better} is better`, `${name} better`];
  return longer.find((text) => pen.measureText(text).width <= room) ?? name;
}

/** Ticks as texts with as many decimals as tell them apart. */
function tickTexts(values) {
  if (values.length < 2) return values.map((v) => String(Number(v.toPrecision(4))));
  const step = values[1] - values[0];
  const decimals = Math.min(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), 8);
  return values.map((v) => v.toFixed(decimals));
}

/** Save a text as a file of the reader. */
function save(name, text, kind) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

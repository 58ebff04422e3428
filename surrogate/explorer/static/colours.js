// Colours of numbers: viridis, which readers of every colour vision can order.

const VIRIDIS = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137],
  [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37],
];
const COLOURS = 48;

function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

/** The colours, the best first: the one with the most contrast to the page. */
function palette() {
  // Light yellow on white and dark violet on black can hardly be seen: leave them out.
  const stops = isDark() ? VIRIDIS.slice(1).reverse() : VIRIDIS.slice(0, 9);
  return [...Array(COLOURS).keys()].map((i) => {
    const at = (i / (COLOURS - 1)) * (stops.length - 1);
    const left = Math.min(Math.floor(at), stops.length - 2);
    const mix = stops[left].map((v, c) => Math.round(v + (stops[left + 1][c] - v) * (at - left)));
    return `rgb(${mix.join(",")})`;
  });
}

/** A colour of the style sheet. */
function themeColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const knownEnds = new WeakMap();

/** Ends of the colours: without the outer 2 % of the values, which would take most of them. */
function colourEnds(values) {
  if (!knownEnds.has(values)) knownEnds.set(values, endsOf(values));
  return knownEnds.get(values);
}

function endsOf(values) {
  const sorted = Float64Array.from(values.filter((v) => !Number.isNaN(v))).sort();
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  return sorted.length ? [at(0.02), at(0.98)] : [0, 1];
}

/** Number of the colour of a value, 0 for the best. */
function colourOf(value, [low, high], better) {
  const share = Math.min(Math.max((value - low) / (high - low || 1), 0), 1);
  return Math.round((better === "higher" ? 1 - share : share) * (COLOURS - 1));
}

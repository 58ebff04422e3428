// A cell as a picture: operations in a row, skip connections as arcs that a click adds or removes.

const OP_COLOURS = {
  linear: ["#fde3b3", "#b0730f"], conv5: ["#cbe0fb", "#2f6fc4"], conv5d2: ["#cbe0fb", "#2f6fc4"],
  conv7: ["#cbe0fb", "#2f6fc4"], conv7d2: ["#cbe0fb", "#2f6fc4"], zero: ["#e3e6ea", "#7d8590"],
};

/** The drawing of a point of the space; its skips can be clicked. */
function cellDrawing(space, text) {
  const nodes = text.split("_");
  const step = 104, left = 30, base = 112, width = left * 2 + step * nodes.length;
  const x = (j) => left + step * j;
  let arcs = "", boxes = "";
  nodes.forEach((node, k) => {
    [...node.slice(1)].forEach((flag, j) => {
      const on = flag === "1", span = k + 1 - j;
      const rise = 18 + span * 24;
      const path = `M${x(j) + 2} ${base - 9}C${x(j) + 20} ${base - rise - 16} ${x(k + 1) - 20} ${base - rise - 16} ${x(k + 1) - 2} ${base - 9}`;
      arcs += `<g class="arc" data-node="${k}" data-flag="${j}" style="cursor:pointer"><title>${on ? "Remove" : "Add"} skip ${skipName(j, k + 1)}</title>
        <path d="${path}" fill="none" stroke="transparent" stroke-width="13"/>
        <path d="${path}" fill="none" stroke="${on ? "var(--accent)" : "var(--dim)"}" stroke-width="${on ? 2.6 : 1.2}"${on ? "" : ' stroke-dasharray="3 4"'}/></g>`;
    });
    const op = space.ops[Number(node[0])];
    const [fill, edge] = OP_COLOURS[op] ?? ["#e3e6ea", "#7d8590"];
    const isZero = op === "zero";
    boxes += `<line x1="${x(k) + 9}" x2="${x(k + 1) - 9}" y1="${base}" y2="${base}" stroke="var(--soft)" stroke-width="1.6"${isZero ? ' stroke-dasharray="2 4"' : ""}/>
      <rect x="${x(k) + 21}" y="${base - 14}" width="${step - 42}" height="28" rx="7" fill="${fill}" stroke="${edge}" stroke-width="1.4"/>
      <text x="${x(k) + step / 2}" y="${base + 4.5}" text-anchor="middle" fill="#16202c" font-size="12.5" font-family="var(--mono)">${op}</text>`;
  });
  for (let j = 0; j <= nodes.length; j++) {
    boxes += `<circle cx="${x(j)}" cy="${base}" r="9" fill="var(--card)" stroke="var(--soft)" stroke-width="1.5"/>
      <text x="${x(j)}" y="${base + 4}" text-anchor="middle" fill="var(--soft)" font-size="11">${j === 0 ? "" : "+"}</text>
      <text x="${x(j)}" y="${base + 27}" text-anchor="middle" fill="var(--soft)" font-size="11">${j === 0 ? "input" : j === nodes.length ? "output" : j}</text>`;
  }
  return `<svg viewBox="0 0 ${width} ${base + 34}" role="img" aria-label="${escaped(cellInWords(space, text))}">${arcs}${boxes}</svg>`;
}

/** What a cell is, for those who hear it. */
function cellInWords(space, text) {
  const nodes = text.split("_");
  const ops = nodes.map((node) => space.ops[Number(node[0])]).join(", then ");
  const skips = nodes.flatMap((node, k) =>
    [...node.slice(1)].map((flag, j) => (flag === "1" ? skipName(j, k + 1) : "")).filter(Boolean));
  return `Cell ${text}: ${ops}; ${skips.length ? `skips ${skips.join(", ")}` : "no skips"}`;
}

/** The text of a cell with one operation changed. */
function withOperation(text, k, op) {
  return text.split("_").map((node, i) => (i === k ? op + node.slice(1) : node)).join("_");
}

/** The text of a cell with one skip turned. */
function withSkip(text, k, j) {
  return text.split("_").map((node, i) => {
    if (i !== k) return node;
    const flags = [...node];
    flags[j + 1] = flags[j + 1] === "1" ? "0" : "1";
    return flags.join("");
  }).join("_");
}

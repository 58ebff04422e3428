// The map: functions as points of two quantities, drawn on a canvas.

const FRAME = { left: 62, right: 16, top: 46, bottom: 46 };

/** What a map asks of the page. */
class SpaceMap {
  /**
   * @param {HTMLElement} parent
   * @param {{space: Space, onPick: (f: number) => void, onBrush: (box: number[] | null) => void,
   *   textOf: (f: number) => string}} page
   */
  constructor(parent, page) {
    this.page = page;
    this.element = document.createElement("div");
    this.element.className = "map";
    this.element.innerHTML = `<canvas aria-hidden="true"></canvas><canvas class="points" aria-hidden="true"></canvas>
      <canvas class="top" tabindex="0" role="application" aria-roledescription="map" aria-describedby="map-hint"></canvas>
      <div class="map-head"><span class="map-name"></span><span class="map-tools">
      <button type="button" data-do="select" aria-pressed="false">Select</button>
      <button type="button" data-do="in" aria-label="Zoom in">+</button>
      <button type="button" data-do="out" aria-label="Zoom out">−</button>
      <button type="button" data-do="reset" title="The better part of the cells">Reset</button>
      <button type="button" data-do="all" title="Every cell, collapsed trainings too">Show all</button></span></div>`;
    parent.append(this.element);
    [this.base, this.dots, this.top] = this.element.querySelectorAll("canvas");
    this.name = this.element.querySelector(".map-name");
    this.view = null;
    this.hovered = null;
    this.selecting = false;
    this.pending = false;
    this.listen();
    this.measure();
    new ResizeObserver(() => { this.measure(); this.draw(); }).observe(this.element);
  }

  /** Show other numbers; the view begins anew where the quantities are others. */
  show(scene) {
    const same = this.scene && this.scene.x === scene.x && this.scene.y === scene.y;
    this.scene = scene;
    this.name.textContent = scene.table.name;
    this.top.setAttribute("aria-label",
      `Map of ${scene.table.name}: ${scene.y.label} against ${scene.x.label}, ${count(scene.passing)} cells pass`);
    if (!same) this.reset();
    else this.draw();
  }

  /** The view with the better part of the functions, or with all. */
  reset(isWhole = false) {
    const ends = (q, share) => {
      const sorted = Float64Array.from(q.values.filter((v) => !Number.isNaN(v))).sort();
      const at = (s) => sorted[Math.round(s * (sorted.length - 1))];
      const [low, high] = q.better === "higher" ? [at(1 - share), at(1)] : [at(0), at(share)];
      const margin = (high - low || Math.abs(high) || 1) * 0.05;
      return sorted.length ? [low - margin, high + margin] : [0, 1];
    };
    // Collapsed trainings, with rates near 1, would press all others into a line.
    this.view = [...ends(this.scene.x, isWhole ? 1 : 0.995), ...ends(this.scene.y, isWhole ? 1 : 0.8)];
    this.draw();
  }

  /** The size of the element, which is asked for once and not for every point. */
  measure() {
    const { width, height } = this.element.getBoundingClientRect();
    this.size = { width, height };
    this.inner = { width: width - FRAME.left - FRAME.right, height: height - FRAME.top - FRAME.bottom };
  }

  toScreen(vx, vy) {
    const { width, height } = this.inner;
    const [x0, x1, y0, y1] = this.view;
    return [FRAME.left + ((vx - x0) / (x1 - x0)) * width, FRAME.top + (1 - (vy - y0) / (y1 - y0)) * height];
  }

  toValue(px, py) {
    const { width, height } = this.inner;
    const [x0, x1, y0, y1] = this.view;
    return [x0 + ((px - FRAME.left) / width) * (x1 - x0), y0 + (1 - (py - FRAME.top) / height) * (y1 - y0)];
  }

  draw() {
    if (this.pending || !this.scene) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.drawBase();
      this.drawTop();
    });
  }

  prepared(canvas) {
    const { width, height } = this.size;
    const scale = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    return { pen, width, height };
  }

  drawBase() {
    const { pen, width, height } = this.prepared(this.base);
    this.drawAxes(pen, width, height);
    this.drawDots();
  }

  /** The points, into a block of pixels: ten times faster than as paths, so that the map follows the hand. */
  drawDots() {
    const { x, y, colour, passes, selected } = this.scene;
    const { pen, width, height } = this.prepared(this.dots);
    const scale = this.dots.width / width;
    const image = pen.createImageData(this.dots.width, this.dots.height);
    const ends = colourEnds(colour.values);
    const groups = [...Array(COLOURS + 1)].map(() => []);
    for (let f = 0; f < passes.length; f++) {
      if (Number.isNaN(x.values[f]) || Number.isNaN(y.values[f])) continue;
      const lit = passes[f] && (!selected || selected[f]) && !Number.isNaN(colour.values[f]);
      // The worst first, so that the best lie on top.
      groups[lit ? COLOURS - colourOf(colour.values[f], ends, colour.better) : 0].push(f);
    }
    const colours = [themeColour("dim"), ...palette().reverse()].map(channels);
    const zoom = Math.min(3, Math.max(1, this.zoom() ** 0.35));
    const stamps = [stampOf(1.5 * zoom * scale, 0.55), stampOf(2.1 * zoom * scale, 0.85)];
    groups.forEach((group, i) => {
      for (const f of group) {
        const [px, py] = this.toScreen(x.values[f], y.values[f]);
        if (px < FRAME.left || px > width - FRAME.right || py < FRAME.top || py > height - FRAME.bottom) continue;
        stamp(image, stamps[i ? 1 : 0], Math.round(px * scale), Math.round(py * scale), colours[i]);
      }
    });
    pen.putImageData(image, 0, 0);
  }

  /** How many times larger than the whole the view is. */
  zoom() {
    const { x } = this.scene;
    const [low, high] = colourEnds(x.values);
    return Math.max(1, (high - low) / (this.view[1] - this.view[0]));
  }

  drawAxes(pen, width, height) {
    const { x, y } = this.scene;
    const [soft, grid] = [themeColour("soft"), themeColour("grid")];
    const right = width - FRAME.right, bottom = height - FRAME.bottom;
    const xs = ticks(this.view[0], this.view[1], width / 90);
    const ys = ticks(this.view[2], this.view[3], height / 60);
    pen.strokeStyle = grid;
    pen.fillStyle = soft;
    pen.lineWidth = 1;
    pen.beginPath();
    for (const v of xs) { const [px] = this.toScreen(v, 0); pen.moveTo(px, FRAME.top); pen.lineTo(px, bottom); }
    for (const v of ys) { const [, py] = this.toScreen(0, v); pen.moveTo(FRAME.left, py); pen.lineTo(right, py); }
    pen.stroke();
    pen.textAlign = "center";
    tickTexts(xs).forEach((text, i) => pen.fillText(text, this.toScreen(xs[i], 0)[0], bottom + 16));
    pen.textAlign = "right";
    tickTexts(ys).forEach((text, i) => pen.fillText(text, FRAME.left - 7, this.toScreen(0, ys[i])[1] + 4));
    pen.fillStyle = themeColour("ink");
    pen.textAlign = "center";
    const across = right - FRAME.left, up = bottom - FRAME.top;
    pen.fillText(axisTitle(pen, x, across), FRAME.left + across / 2, height - 9, across);
    pen.save();
    pen.translate(14, FRAME.top + up / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(axisTitle(pen, y, up), 0, 0, up);
    pen.restore();
  }

  drawTop() {
    const { pen, width, height } = this.prepared(this.top);
    const { x, y, front, current, run, limit } = this.scene;
    const at = (f) => this.toScreen(x.values[f], y.values[f]);
    pen.save();
    pen.beginPath();
    pen.rect(FRAME.left - 1, FRAME.top - 1, width - FRAME.left - FRAME.right + 2, height - FRAME.top - FRAME.bottom + 2);
    pen.clip();
    if (limit !== null) {
      const [px] = this.toScreen(limit, 0);
      pen.strokeStyle = themeColour("soft");
      pen.setLineDash([5, 4]);
      pen.beginPath();
      pen.moveTo(px, FRAME.top);
      pen.lineTo(px, height - FRAME.bottom);
      pen.stroke();
      pen.setLineDash([]);
    }
    pen.strokeStyle = themeColour("front");
    pen.lineWidth = 2;
    pen.beginPath();
    front.forEach((f, i) => {
      const [px, py] = at(f);
      // A step: between two points of the front nothing is better than the left one.
      if (i) pen.lineTo(px, at(front[i - 1])[1]);
      if (i) pen.lineTo(px, py); else pen.moveTo(px, py);
    });
    pen.stroke();
    pen.fillStyle = themeColour("card");
    pen.lineWidth = 1.8;
    for (const f of front) this.ring(pen, at(f), 3.2, true);
    if (run) this.drawRun(pen, at, run);
    if (this.hovered !== null) {
      pen.strokeStyle = themeColour("ink");
      this.ring(pen, at(this.hovered), 6, false);
    }
    if (current !== null && !Number.isNaN(x.values[current]) && !Number.isNaN(y.values[current])) {
      pen.strokeStyle = themeColour("card");
      pen.lineWidth = 6;
      this.ring(pen, at(current), 8, false);
      pen.strokeStyle = themeColour("accent");
      pen.lineWidth = 3;
      this.ring(pen, at(current), 8, false);
    }
    if (this.scene.brush) this.drawBox(pen, this.scene.brush);
    if (this.drag?.box) this.drawBox(pen, this.drag.box);
    pen.restore();
  }

  drawRun(pen, at, run) {
    pen.strokeStyle = pen.fillStyle = themeColour("run");
    pen.lineWidth = 1.6;
    for (const { f, isNew } of run) {
      const [px, py] = at(f);
      if (Number.isNaN(px) || Number.isNaN(py)) continue;
      this.ring(pen, [px, py], isNew ? 5 : 4, isNew);
    }
  }

  drawBox(pen, [x0, x1, y0, y1]) {
    const [left, bottom] = this.toScreen(x0, y0);
    const [right, top] = this.toScreen(x1, y1);
    pen.fillStyle = themeColour("band");
    pen.strokeStyle = themeColour("accent");
    pen.lineWidth = 1.2;
    pen.fillRect(left, top, right - left, bottom - top);
    pen.strokeRect(left, top, right - left, bottom - top);
  }

  ring(pen, [px, py], radius, filled) {
    pen.beginPath();
    pen.arc(px, py, radius, 0, 6.2832);
    if (filled) pen.fill();
    pen.stroke();
  }

  /** The nearest passing function to a place on the screen, within some pixels; null if none. */
  nearest(px, py, within = 18) {
    const { x, y, passes } = this.scene;
    let best = null, least = within * within;
    for (let f = 0; f < passes.length; f++) {
      if (!passes[f]) continue;
      const [qx, qy] = this.toScreen(x.values[f], y.values[f]);
      const distance = (qx - px) ** 2 + (qy - py) ** 2;
      if (distance < least) { least = distance; best = f; }
    }
    return best;
  }

  /** The nearest passing function in a direction of the screen. */
  toward(dx, dy) {
    const { x, y, passes, current } = this.scene;
    const [px, py] = current === null ? [0, 0] : this.toScreen(x.values[current], y.values[current]);
    let best = null, least = Infinity;
    for (let f = 0; f < passes.length; f++) {
      if (!passes[f] || f === current) continue;
      const [qx, qy] = this.toScreen(x.values[f], y.values[f]);
      const along = (qx - px) * dx + (qy - py) * dy;
      const aside = Math.abs((qx - px) * dy) + Math.abs((qy - py) * dx);
      if (along <= 0.5 || aside > along * 1.5) continue;
      const distance = along + 2 * aside;
      if (distance < least) { least = distance; best = f; }
    }
    return best;
  }

  zoomAt(px, py, factor) {
    const [vx, vy] = this.toValue(px, py);
    this.view = this.view.map((v, i) => (i < 2 ? vx : vy) + (v - (i < 2 ? vx : vy)) * factor);
    this.draw();
  }

  zoomMiddle(factor) {
    const { width, height } = this.inner;
    this.zoomAt(FRAME.left + width / 2, FRAME.top + height / 2, factor);
  }

  listen() {
    const top = this.top;
    const place = (e) => { const box = top.getBoundingClientRect(); return [e.clientX - box.left, e.clientY - box.top]; };
    this.touches = new Map();
    top.addEventListener("pointerdown", (e) => {
      top.setPointerCapture(e.pointerId);
      this.touches.set(e.pointerId, place(e));
      const box = this.selecting || e.shiftKey ? [...this.toValue(...place(e)), 0, 0] : null;
      this.drag = { from: place(e), start: place(e), moved: false, box: null, selects: box !== null };
      hideTip();
    });
    top.addEventListener("pointermove", (e) => this.moved(e, place(e)));
    top.addEventListener("pointerup", (e) => this.released(e, place(e)));
    top.addEventListener("pointercancel", (e) => { this.touches.delete(e.pointerId); this.drag = null; this.draw(); });
    top.addEventListener("pointerleave", () => { this.hovered = null; hideTip(); this.draw(); });
    top.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.zoomAt(...place(e), Math.exp(Math.max(-60, Math.min(60, e.deltaY)) * 0.004));
    }, { passive: false });
    top.addEventListener("keydown", (e) => this.keyed(e));
    this.element.querySelector(".map-tools").addEventListener("click", (e) => {
      const what = e.target.dataset.do;
      if (what === "select") {
        this.selecting = !this.selecting;
        e.target.setAttribute("aria-pressed", String(this.selecting));
      }
      if (what === "in") this.zoomMiddle(0.7);
      if (what === "out") this.zoomMiddle(1 / 0.7);
      if (what === "reset") this.reset();
      if (what === "all") this.reset(true);
    });
  }

  moved(e, [px, py]) {
    if (!this.drag) {
      const found = this.nearest(px, py);
      if (found !== this.hovered) { this.hovered = found; this.draw(); }
      if (found === null) hideTip();
      else showTip(this.scene, found, this.page.textOf(found), e);
      return;
    }
    const before = this.touches.get(e.pointerId) ?? this.drag.from;
    if (this.touches.size === 2) this.pinched(e.pointerId, [px, py]);
    this.touches.set(e.pointerId, [px, py]);
    if (Math.hypot(px - this.drag.start[0], py - this.drag.start[1]) > 4) this.drag.moved = true;
    if (this.touches.size > 1) return;
    if (this.drag.selects) {
      this.drag.box = this.boxBetween(this.drag.start, [px, py]);
    } else {
      const [ax, ay] = this.toValue(...before);
      const [bx, by] = this.toValue(px, py);
      this.view = this.view.map((v, i) => v + (i < 2 ? ax - bx : ay - by));
    }
    this.draw();
  }

  pinched(id, now) {
    const [other] = [...this.touches].filter(([key]) => key !== id).map(([, value]) => value);
    const before = this.touches.get(id);
    const length = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
    const factor = length(before) / Math.max(length(now), 1);
    this.zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, factor);
  }

  released(e, here) {
    const drag = this.drag;
    this.touches.delete(e.pointerId);
    if (this.touches.size) return;
    this.drag = null;
    if (!drag) return;
    if (drag.selects && drag.moved) this.page.onBrush(this.boxBetween(drag.start, here));
    else if (!drag.moved) {
      const found = this.nearest(...here, e.pointerType === "touch" ? 28 : 18);
      if (found !== null) this.page.onPick(found);
    }
    this.draw();
  }

  boxBetween(a, b) {
    const [ax, ay] = this.toValue(...a), [bx, by] = this.toValue(...b);
    return [Math.min(ax, bx), Math.max(ax, bx), Math.min(ay, by), Math.max(ay, by)];
  }

  keyed(e) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (ways[e.key]) {
      const found = this.toward(...ways[e.key]);
      if (found !== null) this.page.onPick(found);
    } else if (e.key === "+" || e.key === "=") this.zoomMiddle(0.7);
    else if (e.key === "-") this.zoomMiddle(1 / 0.7);
    else if (e.key === "0") this.reset();
    else return;
    e.preventDefault();
  }
}

function showTip(scene, f, text, e) {
  const tip = document.getElementById("tip");
  const seen = [...new Set([scene.y, scene.x, scene.colour])];
  tip.innerHTML = `<b>${escaped(text)}</b><br>` +
    seen.map((q) => `${escaped(q.label)}: ${escaped(shown(q, q.values[f]))}`).join("<br>");
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(e.clientX + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${e.clientY + 18 + height > innerHeight ? e.clientY - height - 12 : e.clientY + 18}px`;
}

function hideTip() {
  document.getElementById("tip").hidden = true;
}

// Recorded searches: which cells a search has evaluated up to a step.

class Searches {
  constructor(page, about, columns) {
    this.page = page;
    this.runs = about.runs.map((facts, i) => {
      const own = (name) => columns.get(`run${i}/${name}`);
      const asked = own("asked_at").values;
      /** Numbers of evaluations at the end of each batch. */
      const ends = [...new Set(asked)].map((start) => asked.lastIndexOf(start) + 1);
      const sign = facts.directions[0] === "maximise" ? -1 : 1;
      const costs = own("cost/0");
      const values = [...asked].map((_, e) => (costs ? sign * costs.values[e] : NaN));
      return { ...facts, functions: own("function"), seeds: own("seed").values, status: own("status").values, ends, values };
    });
    this.timer = 0;
    if (!this.runs.length) return;
    document.getElementById("search-card").hidden = false;
    const select = document.getElementById("run");
    select.innerHTML = `<option value="">none on the map</option>${this.runs.map((run, i) => `<option value="${i}">${escaped(`${run.name}: ${run.searcher}`)}</option>`).join("")}`;
    select.addEventListener("change", () => { this.stop(); choose({ run: select.value, step: "" }); });
    document.getElementById("step").addEventListener("input", (e) => { this.stop(); choose({ step: e.target.value }); });
    document.getElementById("play").addEventListener("click", () => (this.timer ? this.stop() : this.play()));
  }

  get run() {
    return state.run === "" ? null : this.runs[Number(state.run)] ?? null;
  }

  get step() {
    const last = this.run.ends.length;
    return state.step === "" ? last : Math.min(Math.max(Number(state.step), 0), last);
  }

  play() {
    if (!this.run) choose({ run: "0" });
    if (this.step === this.run.ends.length) choose({ step: "0" });
    document.getElementById("play").textContent = "Stop";
    this.timer = setInterval(() => {
      choose({ step: String(this.step + 1) });
      if (this.step === this.run.ends.length) this.stop();
    }, matchMedia("(prefers-reduced-motion: reduce)").matches ? 1500 : 600);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    document.getElementById("play").textContent = "Play";
  }

  /** Evaluated functions up to the step, for the map. */
  marks() {
    if (!this.run) return null;
    const { ends, functions } = this.run;
    const until = this.step ? ends[this.step - 1] : 0, before = this.step > 1 ? ends[this.step - 2] : 0;
    const found = [];
    for (let e = 0; e < until; e++) {
      const f = wholeAt(functions, e);
      if (f !== null) found.push({ f, isNew: e >= before });
    }
    return found;
  }

  draw() {
    if (!this.runs.length) return;
    const slider = document.getElementById("step"), run = this.run;
    document.getElementById("run").value = state.run;
    slider.disabled = !run;
    const [chart, says] = [document.getElementById("search-chart"), document.getElementById("search-says")];
    document.getElementById("step-value").textContent = run ? `step ${this.step} of ${run.ends.length}` : "";
    if (!run) { chart.innerHTML = ""; says.textContent = "Choose a search to see its steps on the map."; return; }
    slider.max = String(run.ends.length);
    slider.value = String(this.step);
    const until = this.step ? run.ends[this.step - 1] : 0;
    const sign = run.directions[0] === "maximise" ? -1 : 1;
    const costs = run.values.map((v) => sign * v);
    chart.innerHTML = bestSoFarChart(costs, until, `${run.objectives[0]} per training, and the best so far`);
    const done = run.values.slice(0, until).map((v, e) => [v, e]).filter(([v]) => !Number.isNaN(v));
    const best = done.sort((a, b) => sign * (a[0] - b[0]))[0];
    const f = best ? wholeAt(run.functions, best[1]) : null;
    const outside = [...Array(until).keys()].filter((e) => wholeAt(run.functions, e) === null).length;
    const count = (...statuses) => [...Array(until).keys()].filter((e) => statuses.includes(run.status[e])).length;
    const [failed, stopped] = [count(1, 2), count(3)];
    const text = f === null ? "" : this.page.space.text(this.page.space.pointsOf[f][0]);
    says.innerHTML = `${escaped(run.searcher)} on ${escaped(run.source)}: <b>${until}</b> trainings` +
      (best ? `, best ${escaped(run.objectives[0])} so far <b>${significant(best[0])}</b> (seed ${run.seeds[best[1]]})${text ? ` by <button type="button" class="go" data-go="${text}">${text}</button>` : ""}` : "") +
      (failed ? `; ${failed} without a value` : "") + (stopped ? `; ${stopped} stopped early` : "") + (outside ? `; ${outside} outside this space, not on the map` : "") + ".";
    says.querySelector("button")?.addEventListener("click", () => choose({ cell: text }));
  }
}

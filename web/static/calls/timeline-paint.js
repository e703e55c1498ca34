// What the timeline's drawings share: colours, hatching, canvases of the right size; and the overview of the whole call.

export const LEAST = 3;
const COLOURS = ["surface", "sunken", "hover", "line", "line-strong", "text", "muted", "accent", "warn", "bad"];

/** Paints on canvases with the colours that the legend in `root` has. */
export class Paint {
  constructor(root) {
    this.root = root;
    this.recolour();
    this.font = getComputedStyle(document.body).fontFamily;
  }

  /** Colours come from the legend and from the page, so that they are the theme's and the same as explained. */
  recolour() {
    this.colour = {};
    // All are asked for at once: the page is styled anew for each that is asked for after a change.
    const probes = COLOURS.map((name) => Object.assign(document.createElement("i"), { style: `color: var(--${name})` }));
    this.root.append(...probes);
    for (const [at, name] of COLOURS.entries()) this.colour[name] = getComputedStyle(probes[at]).color;
    for (const swatch of this.root.querySelectorAll("[data-colour]")) this.colour[swatch.dataset.colour] = getComputedStyle(swatch).color;
    for (const probe of probes) probe.remove();
    this.hatches = new Map();
  }

  hatch(context, name) {
    if (!this.hatches.has(name)) {
      const tile = document.createElement("canvas");
      tile.width = tile.height = 8;
      const on = tile.getContext("2d");
      on.strokeStyle = this.colour[name];
      on.lineWidth = 2.2;
      on.beginPath();
      for (const by of [-8, 0, 8]) {
        on.moveTo(by - 1, 9);
        on.lineTo(by + 9, -1);
      }
      on.stroke();
      this.hatches.set(name, context.createPattern(tile, "repeat"));
    }
    return this.hatches.get(name);
  }

  /** Fits a canvas to its box; gives its context and size in CSS pixels. */
  prepare(canvas) {
    const { width, height } = canvas.getBoundingClientRect();
    const density = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * density), Math.round(height * density)];
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    const context = canvas.getContext("2d");
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, height);
    return { context, width, height };
  }

  /** The whole session, and which part of it is in view. */
  overview(canvas, model, view, { cursor, reading }) {
    const { context: on, width, height } = this.prepare(canvas);
    if (!width) return;
    const c = this.colour;
    const x = (at) => (at / Math.max(view.end, 1)) * width;
    const row = (height - 10) / 3;
    const last = {};
    const bar = (name, level, from, to, { tall = false } = {}) => {
      const left = x(from);
      const wide = Math.max(x(to) - left, tall ? LEAST : 2);
      if (!tall && left + wide <= (last[level] ?? -9) + 0.5) return;
      if (!tall) last[level] = left + wide;
      on.fillStyle = c[name];
      on.fillRect(left, 5 + level * row, wide, row - 2);
      if (!tall) return;
      on.fillRect(left, 0, wide, 3);
      on.globalAlpha = wide > 6 ? 0.25 : 1;
      on.fillRect(left, 0, wide, height);
      on.globalAlpha = 1;
    };
    for (const turn of model.turns) {
      for (const [from, to] of turn.spoke) bar("caller", 0, from, to);
      for (const [from, to] of turn.waited) bar("wait", 1, from, to);
      if (turn.asked !== null && turn.answered !== null && !turn.slow && turn.latency !== null) bar("wait", 1, turn.asked, turn.answered);
      for (const [from, to] of turn.heard) bar("heard", 2, from, to ?? from);
    }
    for (const turn of model.turns) {
      if (!turn.waits) continue;
      const late = model.length - turn.asked >= model.slow;
      bar(late ? "slow" : "wait", 1, turn.asked, model.length, { tall: late });
    }
    // From top to bottom, and never thinner than can be seen: whatever the length of the call, these stand out.
    for (const turn of model.turns) if (turn.slow) bar("slow", 1, turn.asked, turn.answered, { tall: true });
    for (const turn of model.turns) for (const [from, to] of turn.missed) bar("lost", 1, from, to, { tall: true });
    for (const turn of model.turns) if (turn.unanswered && turn.asked !== null) bar("lost", 1, turn.asked, turn.high, { tall: true });
    if (reading) {
      on.fillStyle = c.accent;
      on.fillRect(x(reading[0]), height - 3, Math.max(x(reading[1]) - x(reading[0]), 4), 3);
    }
    if (!view.whole) {
      const [left, right] = [x(view.from), Math.max(x(view.to), x(view.from) + 4)];
      on.globalAlpha = 0.72;
      on.fillStyle = c.sunken;
      on.fillRect(0, 0, left, height);
      on.fillRect(right, 0, width - right, height);
      on.globalAlpha = 1;
      on.strokeStyle = c.accent;
      on.lineWidth = 2;
      on.strokeRect(left, 1, right - left, height - 2);
    }
    if (cursor !== null) {
      on.fillStyle = c.text;
      on.fillRect(Math.round(x(cursor)), 0, 1, height);
    }
  }
}

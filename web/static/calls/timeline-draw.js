// Draws the timeline's lanes. Knows places and colours, nothing of pointers or keys.
import { clean, fitted, glyph, KINDS } from "./timeline-marks.js";
import { latency, ticks } from "./timeline-model.js";
import { LEAST, Paint } from "./timeline-paint.js";

export class Painter extends Paint {
  /** `lanes` has top and height of each; `cursor` a time or null; `chosen` a turn or null. */
  lanes(canvas, model, view, lanes, { cursor, chosen, reading, time }) {
    const { context: on, width, height } = this.prepare(canvas);
    const x = (at) => ((at - view.from) / view.span) * width;
    const c = this.colour;
    if (!width) return;
    if (chosen) {
      on.fillStyle = c.hover;
      on.fillRect(x(chosen.low) - 2, 0, Math.max(x(chosen.high) - x(chosen.low), LEAST) + 4, height);
    }
    if (reading) {
      on.fillStyle = c.accent;
      on.fillRect(x(reading[0]), lanes.axis.top + lanes.axis.height - 2, Math.max(x(reading[1]) - x(reading[0]), 4), 2);
    }
    this.#grid(on, model, view, lanes, x, width, height, time);
    const first = model.firstAt(view.from);
    const shown = [];
    for (let index = first; index < model.turns.length && model.turns[index].low <= view.to; index += 1) shown.push(model.turns[index]);
    this.#bars(on, model, view, lanes, x, shown);
    this.#labels(on, lanes, x, width, shown);
    this.#events(on, model, view, lanes.events, x, width, shown);
    if (cursor !== null && cursor >= view.from && cursor <= view.to) this.#cursor(on, x(cursor), width, height, lanes.axis, time(cursor));
  }

  #grid(on, model, view, lanes, x, width, height, time) {
    const c = this.colour;
    on.fillStyle = c.line;
    for (const [name, lane] of Object.entries(lanes)) if (name !== "axis") on.fillRect(0, lane.top, width, 1);
    const { step, found } = ticks(view, Math.max(2, width / 95));
    on.font = `11px ${this.font}`;
    on.textBaseline = "middle";
    for (const at of found) {
      on.fillStyle = c.line;
      on.fillRect(Math.round(x(at)), lanes.axis.top + 4, 1, height);
      on.fillStyle = c.muted;
      const text = time(at, step);
      if (x(at) + 5 + on.measureText(text).width < width) on.fillText(text, x(at) + 5, lanes.axis.top + lanes.axis.height / 2);
    }
  }

  #bars(on, model, view, lanes, x, shown) {
    const c = this.colour;
    const last = new Map();
    const bar = (name, lane, from, to, { thin = false, hatched = false, always = false, half = false } = {}) => {
      if (to < view.from || from > view.to) return;
      const left = Math.max(x(from), -4);
      const wide = Math.max(Math.min(x(to), x(view.to) + 4) - left, thin ? 0.5 : LEAST);
      // What lies wholly on what is drawn already need not be drawn: a long call has more turns than pixels.
      const key = `${lane.top}${thin}${half}`;
      if (!always && left + wide <= (last.get(key) ?? -9) + 0.5) return;
      last.set(key, left + wide);
      const high = thin ? 2 : half ? 8 : 16;
      const top = lane.top + lane.height - (thin ? 13 : half ? 16 : 20);
      if (hatched && wide > 5) {
        on.fillStyle = this.hatch(on, name);
        on.fillRect(left, top, wide, high);
        on.strokeStyle = c[name];
        on.lineWidth = 1;
        on.strokeRect(left + 0.5, top + 0.5, wide - 1, high - 1);
      } else {
        on.fillStyle = c[name];
        on.fillRect(left, top, wide, high);
      }
    };
    const now = model.length;
    for (const turn of shown) {
      const { spoke, asked, answered, streamed, budget } = turn;
      for (const [from, to, estimated] of spoke) bar("caller", lanes.caller, from, to, { hatched: Boolean(estimated) });
      for (const [from, to] of turn.waited) bar("wait", lanes.backend, from, to);
      if (budget?.[0] > 0 && spoke.length && asked !== null) bar("caller", lanes.caller, asked - budget[0] / 10, asked, { thin: true });
      for (const [at, kind] of turn.events) if (kind === "prompt") bar("caller", lanes.prompts, at, at);
      if (answered !== null && streamed !== null) bar("stream", lanes.backend, answered, streamed, { half: true });
      if (answered !== null && budget?.[4] > 0) bar("heard", lanes.heard, answered, answered + budget[4] / 10, { thin: true });
      for (const [from, to, estimated] of turn.heard) bar("heard", lanes.heard, from, to ?? Math.min(from + 1500, now), { hatched: Boolean(estimated) });
      if (asked !== null && answered !== null && answered >= asked && !turn.slow && turn.latency !== null) bar("wait", lanes.backend, asked, answered);
    }
    // On top, so that nothing hides them.
    for (const turn of shown) {
      if (turn.slow) bar("slow", lanes.backend, turn.asked, turn.answered, { always: true });
      for (const [from, to] of turn.missed) bar("lost", lanes.backend, from, to, { always: true, hatched: true });
      if (turn.unanswered && turn.asked !== null) bar("lost", lanes.backend, turn.asked, Math.max(turn.asked, turn.high), { always: true, hatched: true });
      if (turn.waits) bar(now - turn.asked >= model.slow ? "slow" : "wait", lanes.backend, turn.asked, now, { always: true });
    }
  }

  /** Numbers on and over bars, the worst first, none over another; prompts in words and turns by number where there is room. */
  #labels(on, lanes, x, width, shown) {
    const c = this.colour;
    const taken = [];
    const lane = lanes.backend;
    on.font = `600 11px ${this.font}`;
    const found = [];
    for (const turn of shown) {
      for (const [from, to] of turn.missed) found.push({ from, to, lost: true, ms: to - from, text: "no answer, asked again" });
      if (turn.asked === null) continue;
      if (turn.unanswered) found.push({ from: turn.asked, to: turn.high, lost: true, ms: turn.high - turn.asked, text: "no answer" });
      else if (turn.slow) found.push({ from: turn.asked, to: turn.high, lost: false, ms: turn.latency, text: latency(turn.latency) });
    }
    for (const { from: begun, to: end, lost, text } of found.sort((a, b) => Number(b.lost) - Number(a.lost) || b.ms - a.ms).slice(0, 60)) {
      const wide = on.measureText(text).width;
      const left = Math.min(Math.max(x(begun), 2), width - wide - 2);
      if (x(end) < 0 || x(begun) > width || taken.some(([from, to]) => left < to + 8 && left + wide + 8 > from)) continue;
      taken.push([left, left + wide]);
      on.fillStyle = lost ? c.lost : c.slow;
      on.fillText(text, left, lane.top + lane.height - 30);
    }
    if (shown.length > width / 16) return;
    on.font = `11px ${this.font}`;
    for (const [index, turn] of shown.entries()) {
      const room = Math.min(x(shown[index + 1]?.low ?? Infinity), width) - 4;
      if (turn.budget) {
        const [left, right] = [Math.max(x(turn.asked), 0), Math.min(x(turn.answered), width)];
        const text = turn.slow ? `backend ${latency(turn.budget[2] / 10)}` : latency(turn.latency);
        on.fillStyle = c.surface;
        if (on.measureText(text).width + 10 < right - left) on.fillText(text, left + 5, lane.top + lane.height - 11.5);
      }
      for (const [delay, from, top] of [[turn.budget?.[0], turn.asked - (turn.budget?.[0] ?? 0) / 10, lanes.caller], [turn.budget?.[4], turn.answered, lanes.heard]]) {
        if (!(delay > 0)) continue;
        const text = latency(delay / 10);
        if (on.measureText(text).width + 8 > x(delay / 10) - x(0)) continue;
        on.fillStyle = c.muted;
        on.fillText(text, x(from) + 4, top.top + top.height - 19);
      }
      const said = turn.events.filter(([, kind]) => kind === "prompt");
      for (const [at, [from, , text]] of said.entries()) {
        const until = Math.min(room, said[at + 1] ? x(said[at + 1][0]) - 2 : Infinity);
        if (x(from) < 0 || until - x(from) <= 70) continue;
        on.fillStyle = c.text;
        on.fillText(fitted(on, clean(text), until - x(from) - 9), x(from) + 7, lanes.prompts.top + lanes.prompts.height - 11.5);
      }
    }
  }

  #events(on, model, view, lane, x, width, shown) {
    const c = this.colour;
    const found = [];
    for (const turn of shown) {
      for (const event of turn.events) if (event[1] !== "prompt") found.push(event);
    }
    for (const event of model.events) found.push(event);
    const clusters = [];
    for (const [at, kind, text] of found.sort((a, b) => a[0] - b[0])) {
      const place = x(at);
      if (place < -8 || place > width + 8) continue;
      const before = clusters.at(-1);
      if (before && place - before.place < 15) {
        before.count += 1;
        if ((KINDS[kind] ?? 0) > (KINDS[before.kind] ?? 0)) Object.assign(before, { kind, text });
      } else clusters.push({ place, kind, text, count: 1 });
    }
    if (!clusters.length) return;
    const middle = lane.top + lane.height / 2 + 1;
    for (const [index, { place, kind, text, count }] of clusters.entries()) {
      const at = Math.min(Math.max(place, 8), width - 9);
      const room = (clusters[index + 1]?.place ?? Infinity) - place;
      glyph(on, c, kind, clean(text), at, middle, this.font, room);
      if (count > 1 && room > 24) {
        on.font = `10px ${this.font}`;
        on.fillStyle = c.muted;
        on.fillText(String(count), at + 8, middle + 1);
      }
    }
  }

  #cursor(on, at, width, height, axis, text) {
    const c = this.colour;
    on.fillStyle = c.text;
    on.fillRect(Math.round(at), axis.top, 1, height);
    on.font = `600 11px ${this.font}`;
    const wide = on.measureText(text).width + 10;
    const left = Math.min(Math.max(at - wide / 2, 0), width - wide);
    on.fillRect(left, axis.top + 2, wide, axis.height - 4);
    on.fillStyle = c.surface;
    on.fillText(text, left + 5, axis.top + axis.height / 2 + 0.5);
  }
}

// The timeline's values: what happened when, and which stretch of it is looked at. Nothing here touches the page.

export const UNANSWERED = 1;
export const WAITS = 2;

/** Everything of a session that is drawn. Times are milliseconds from its start. */
export class Model {
  turns = [];
  events = [];
  length = 0;
  start = 0;
  slow = 2000;
  settled = 0;
  live = false;

  /** Takes over an answer of the server that holds the turns from number `first` on. */
  take(answer, first) {
    const place = Object.fromEntries(answer.columns.map((name, index) => [name, index]));
    const get = (row, name) => row[place[name]];
    this.start = Date.parse(answer.started_at);
    this.length = Math.max(answer.length_ms, 1);
    this.live = answer.live;
    this.slow = answer.slow_turn_ms;
    this.settled = answer.settled;
    this.events = answer.events;
    const kept = this.turns.findIndex((turn) => turn.number >= first);
    if (kept >= 0) this.turns.length = kept;
    for (const row of answer.turns) {
      const flags = get(row, "flags");
      const latency = get(row, "latency");
      this.turns.push({
        number: get(row, "number"),
        from: get(row, "from"),
        until: get(row, "until"),
        spoke: get(row, "spoke"),
        // From when on the caller waits too long without a word, until they speak again.
        missed: get(row, "unanswered").filter(([from, until]) => until - from >= answer.slow_turn_ms),
        waited: get(row, "unanswered").filter(([from, until]) => until - from < answer.slow_turn_ms),
        asked: get(row, "asked"),
        answered: get(row, "answered"),
        streamed: get(row, "streamed"),
        latency,
        longest: get(row, "waited") ?? latency,
        budget: get(row, "budget"),
        unanswered: Boolean(flags & UNANSWERED),
        waits: Boolean(flags & WAITS),
        slow: latency !== null && latency >= answer.slow_turn_ms,
        heard: get(row, "heard"),
        events: get(row, "events"),
      });
    }
    let reach = 0;
    for (const [index, turn] of this.turns.entries()) {
      turn.low = Math.min(turn.from, turn.spoke[0]?.[0] ?? turn.from);
      const next = this.turns[index + 1];
      const ends = [turn.from, turn.answered, turn.streamed, ...turn.heard.flat().slice(0, -1)];
      turn.high = Math.max(turn.until ?? next?.from ?? this.length, ...ends.filter((at) => at !== null));
      turn.reach = reach = Math.max(reach, turn.high);
    }
  }

  /** The index of the first turn that may show at `at` or later. */
  firstAt(at) {
    let [low, high] = [0, this.turns.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.turns[middle].reach < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The turn at a time. Of several within `slack` the one that somebody looks for: no answer, then the slowest. */
  pick(at, slack) {
    let [found, rank] = [null, -1];
    for (let index = this.firstAt(at - slack); index < this.turns.length && this.turns[index].low <= at + slack; index += 1) {
      const turn = this.turns[index];
      const wait = turn.asked !== null && turn.asked - slack <= at && at <= (turn.answered ?? turn.high) + slack;
      const worth = wait && turn.unanswered ? Infinity : wait && turn.slow ? turn.latency : turn.low <= at ? 0 : -1;
      if (worth > rank || (worth === rank && worth === 0)) [found, rank] = [turn, worth];
    }
    return found ?? this.turns.findLast((turn) => turn.low <= at) ?? this.turns[0] ?? null;
  }

  turn(number) {
    return this.turns.find((turn) => turn.number === number) ?? null;
  }

  slowest() {
    const open = (turn) => (this.length - turn.asked >= this.slow ? this.length - turn.asked : -1);
    const waited = (turn) => (turn.waits ? open(turn) : (turn.longest ?? -1));
    return this.turns.reduce((most, turn) => (waited(turn) > (most ? waited(most) : -1) ? turn : most), null);
  }
}

const LEAST_SPAN = 200;

/** The stretch that is looked at: all of the session, or a part of it. */
export class View {
  from = 0;
  to = 1;
  end = 1;

  get span() {
    return this.to - this.from;
  }

  get whole() {
    return this.from <= 0 && this.to >= this.end;
  }

  /** The session has become longer. Who sees its end goes on seeing it; nobody else's view moves. */
  grow(end) {
    const [whole, atEnd, by] = [this.whole, this.to >= this.end, end - this.end];
    this.end = end;
    if (whole) [this.from, this.to] = [0, end];
    else if (atEnd && by > 0) [this.from, this.to] = [this.from + by, this.to + by];
  }

  show(from, to) {
    const span = Math.min(Math.max(to - from, LEAST_SPAN), this.end);
    const middle = (from + to) / 2;
    this.from = Math.min(Math.max(0, middle - span / 2), this.end - span);
    this.to = this.from + span;
  }

  zoom(factor, at = (this.from + this.to) / 2) {
    const span = Math.min(Math.max(this.span * factor, LEAST_SPAN), this.end);
    const from = at - ((at - this.from) / this.span) * span;
    this.show(from, from + span);
  }

  pan(by) {
    this.show(this.from + by, this.to + by);
  }

  /** Moves as little as needed to show a stretch. */
  reveal(from, to) {
    if (from >= this.from && to <= this.to) return;
    const span = Math.max(this.span, (to - from) * 1.25);
    const middle = (from + to) / 2;
    this.show(middle - span / 2, middle + span / 2);
  }
}

const STEPS = [10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 144e5, 216e5, 432e5, 864e5];

/** Where the axis has its marks, at least `apart` of the view from each other. */
export function ticks(view, most) {
  const step = STEPS.find((one) => view.span / one <= most) ?? STEPS.at(-1);
  const found = [];
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) found.push(at);
  return { step, found };
}

const two = (number) => String(number).padStart(2, "0");

/** `1:02:03`, `0:42.350`: with as many decimals as `step` needs. */
export function offset(ms, step = 1) {
  const sign = ms < 0 ? "-" : "";
  const all = Math.abs(Math.round(ms));
  const seconds = Math.floor(all / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const clock = hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  if (step >= 1000) return sign + clock;
  return `${sign}${clock}.${String(all % 1000).padStart(3, "0").slice(0, step >= 100 ? 1 : step >= 10 ? 2 : 3)}`;
}

export const latency = (ms) => (ms < 10000 ? `${Math.round(ms).toLocaleString("en")} ms` : `${(ms / 1000).toFixed(1)} s`);

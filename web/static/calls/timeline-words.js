// The timeline in words: times as the reader wants them, and what a turn is.
import { zone } from "../http/zone.js";
import { latency, offset } from "./timeline-model.js";

const clock = new Intl.DateTimeFormat("en-US", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** Times from the start or by the clock: the choice of the whole page. */
export const times = {
  byClock: false,
  read() {
    try {
      this.byClock = localStorage.getItem("relayproxy.times") === "clock";
    } catch {
      // Storage is switched off: offsets it is.
    }
  },
  /** `apart`: how far the times beside it are, which is how exactly it is told. */
  tell(start, at, apart = 100) {
    if (!this.byClock) return offset(at, apart);
    const wall = new Date(start + at);
    const rest = String(wall.getMilliseconds()).padStart(3, "0").slice(0, apart >= 100 ? 1 : 3);
    return apart >= 1000 ? clock.format(wall) : `${clock.format(wall)}.${rest}`;
  },
};

function span(text, kind) {
  const element = document.createElement(kind === "b" ? "b" : "span");
  if (kind && kind !== "b") element.className = kind;
  element.textContent = text;
  return element;
}

/** What there is to say of a turn, as nodes and texts; `time` writes a time as the reader wants it. */
export function describe(turn, at, time) {
  const said = [];
  if (at !== null) said.push(span(time(at)), " · ");
  if (!turn) return said;
  said.push(span(`Turn ${turn.number}`, "b"));
  if (turn.unanswered) said.push(", ", span("no answer", "bad"));
  else if (turn.waits) said.push(", waiting for an answer");
  else if (turn.latency !== null) said.push(", answered after ", span(latency(turn.latency), turn.slow ? "slow" : "b"), turn.slow ? " (slow)" : "");
  if (turn.budget) {
    const [input, into, backend, out, output] = turn.budget;
    const parts = [["input", input], ["relayproxy", into], ["backend", backend], ["relayproxy", out], ["output", output]].filter(([, part]) => part !== null);
    const tenths = (part) => (part / 10).toLocaleString("en", { minimumFractionDigits: 1 });
    const sum = parts.reduce((all, [, part]) => all + part, 0);
    said.push(`: ${parts.map(([name, part]) => `${name} ${tenths(part)}`).join(" + ")} = `, span(`${tenths(sum)} ms`, "b"));
  }
  const cuts = turn.events.filter(([, kind]) => kind.startsWith("caller_") || kind === "preempt").length;
  if (cuts) said.push(cuts === 1 ? ", interrupted" : `, interrupted ${cuts} times`);
  const found = turn.events.filter(([, kind]) => kind === "error" || kind === "warning").map(([, , text]) => text);
  if (found.length) said.push(` · ${found.slice(0, 3).join(", ")}${found.length > 3 ? " …" : ""}`);
  return said;
}

// Draws the charts of a page: every element with `data-chart` says in JSON what is to be seen. The numbers themselves
// are in a table beside it, so nothing here is needed to read them.
//
// {"times": [seconds…], "step": seconds, "series": […]}   steps of time; `before`: those of the other range, in a comparison
// {"edges": ["50 ms", …], "series": […]}                  a histogram: bars between edges
// series: {"name", "draw": "line" | "bar" | "faint", "colour": name of a --chart-… colour, "unit": "ms" | "%" | "",
//          "dash": bool, "values": [number or null…]}; "stacked": true puts the bars on top of each other
// {"marks": [{"at": seconds, "name": "2.4.1"}]}              versions that came up: lines from top to bottom
// {"rule": {"at": number, "name": "slow"}}                a line across
// {"top": number}                                          what the scale of the lines reaches to; a mark at the edge says
//                                                          how much more it is
import uPlot from "../vendor/uPlot.esm.js";
import { zone } from "../http/zone.js";

const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const moment = new Intl.DateTimeFormat("en-US", { timeZone: zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exactly = new Intl.DateTimeFormat("en-US", { timeZone: zone, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const FAMILY = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'DejaVu Sans', sans-serif";
const FONT = `12px ${FAMILY}`;

/** A value as people read it. */
export function told(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "ms") return value < 10000 ? `${whole.format(value)} ms` : `${(value / 1000).toFixed(1)} s`;
  return unit === "%" ? `${number.format(value)} %` : whole.format(value);
}

const COLOURS = ["--muted", "--line", "--warn", "--text", ..."p50 p95 n success failed other live a b".split(" ").map((name) => `--chart-${name}`)];
let colours = null;

/** What a variable of the style sheet is now. Only a property of an element says which side of light-dark() it is; all are
 * asked for at once, as each question has the page styled anew when something was changed before it. */
function colour(name) {
  if (!colours) {
    const probes = document.createElement("div");
    probes.hidden = true;
    for (const one of COLOURS) probes.append(Object.assign(document.createElement("i"), { style: `color: var(${one})` }));
    document.body.append(probes);
    colours = new Map(COLOURS.map((one, at) => [one, getComputedStyle(probes.children[at]).color]));
    probes.remove();
  }
  return colours.get(name);
}

const bars = (size) => uPlot.paths.bars({ size: [size, 64], align: 0 });

/** Bars on top of each other: each is drawn up to the sum of those below it, the highest first. */
function stacked(series) {
  const sum = new Array(series[0]?.values.length ?? 0).fill(0);
  return series.map((one) => ({ ...one, drawn: one.values.map((value, at) => (sum[at] += value ?? 0)) })).reverse();
}

function seriesOf(one, crowded) {
  const paint = (alpha) => () => {
    const [r, g, b] = colour(`--chart-${one.colour}`).match(/[\d.]+/g);
    return `rgba(${r}, ${g}, ${b}, ${alpha})`;
  };
  if (one.draw === "line") {
    return {
      scale: one.unit || "count",
      stroke: paint(1),
      width: 2,
      dash: one.dash ? [6, 5] : undefined,
      spanGaps: false,
      // A step alone between steps without turns would have no line to be seen by.
      points: {
        show: false,
        size: 6,
        fill: paint(1),
        filter: (u, at) => {
          const values = u.data[at];
          return [...values.keys()].filter((i) => values[i] != null && values[i - 1] == null && values[i + 1] == null);
        },
      },
    };
  }
  const faint = one.draw === "faint";
  return {
    scale: faint ? "behind" : one.unit || "count",
    paths: bars(one.narrow ? 0.4 : crowded ? 1 : 0.82),
    fill: paint(faint ? 0.18 : one.dash ? 0.5 : 1),
    stroke: paint(0),
    width: 0,
    points: { show: false },
  };
}

function tip(plot, chart, shown) {
  const box = document.createElement("div");
  box.className = "chart-tip";
  box.hidden = true;
  plot.append(box);
  const line = (className, ...texts) => {
    const row = document.createElement("div");
    row.className = className;
    row.append(...texts);
    box.append(row);
  };
  const list = (idx) => {
    for (const one of shown) {
      const mark = document.createElement("i");
      mark.className = `mark m-${one.draw}${one.dash ? " dash" : ""}`;
      mark.dataset.colour = one.colour;
      const value = document.createElement("b");
      value.textContent = told(one.values[idx], one.unit);
      line("what", mark, `${one.name} `, value);
    }
  };
  return (u) => {
    const { idx, left } = u.cursor;
    box.hidden = idx === null || idx === undefined || left < 0;
    if (box.hidden) return;
    box.replaceChildren();
    line("when", whenOf(chart, idx));
    for (const { at, name } of chart.marks ?? []) {
      if (Math.floor((at - chart.times[0]) / chart.step) === idx) line("what", `Version ${name} came up`);
    }
    if (shown.every((one) => !one.values[idx])) line("what", chart.stacked ? "no calls" : "no turns");
    else list(idx);
    const at = u.valToPos(u.data[0][idx], "x") + u.over.offsetLeft;
    const room = plot.clientWidth - box.offsetWidth - 4;
    box.style.left = `${Math.max(0, Math.min(at > plot.clientWidth / 2 ? at - box.offsetWidth - 14 : at + 14, room))}px`;
  };
}

function whenOf(chart, at) {
  if (chart.edges) {
    if (at === 0) return `up to ${chart.edges[0]}`;
    return at < chart.edges.length ? `${chart.edges[at - 1]} to ${chart.edges[at]}` : `over ${chart.edges[at - 1]}`;
  }
  const time = (seconds) => (chart.step < 60 ? exactly : moment).format(new Date(seconds * 1000));
  const said = `${time(chart.times[at])}, ${span(chart.step)}`;
  return chart.before ? `${said}; before: ${time(chart.before[at])}` : said;
}

function span(seconds) {
  for (const [size, name] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
    if (seconds >= size) return seconds === size ? `one ${name}` : `${number.format(seconds / size)} ${name}s`;
  }
  return `${seconds} s`;
}

function axes(chart, left) {
  const ink = () => colour("--muted");
  const grid = { stroke: () => colour("--line"), width: 1 };
  const line = { stroke: ink, font: FONT, ticks: { show: false } };
  const across = chart.edges
    ? { ...line, grid: { show: false }, space: 46, splits: (u) => edgeSplits(chart, u), values: (u, at) => at.map((x) => chart.edges[x - 0.5] ?? "") }
    : { ...line, grid: { show: false }, space: 74, values: timesOf };
  const unit = left.unit;
  const scale = unit || "count";
  return [
    { ...across, size: 28, gap: 7 },
    { ...line, grid, scale, size: unit === "ms" ? 68 : 46, gap: 6, splits: (u) => splits(u.scales[scale].max, u.height, unit), values: (u, at) => named(at, unit) },
  ];
}

/** The distance of the lines of a scale from 0 to `max` on a chart of so many pixels; between counts nothing is whole. */
function distance(max, height, unit) {
  const least = max / Math.max(2, Math.floor(height / 38));
  const ten = 10 ** Math.floor(Math.log10(least));
  const found = ten * [1, 2, unit ? 2.5 : 5, 5, 10].find((one) => one * ten >= least * 0.999);
  return unit ? found : Math.max(1, found);
}

/** From 0 on; the last one is the end of the scale, so that nothing is drawn beyond what is named. */
function splits(max, height, unit) {
  const step = distance(max, height, unit);
  return Array.from({ length: Math.round(max / step) + 1 }, (_, at) => at * step);
}

/** The values of one scale, all of them in the same unit. */
function named(values, unit) {
  if (unit === "ms" && values.at(-1) >= 2000) return values.map((ms) => `${number.format(ms / 1000)} s`);
  return values.map((value) => told(value, unit));
}

/** Days where days change, else the time. */
function timesOf(u, splits) {
  let shown = "";
  const day = new Intl.DateTimeFormat("en-US", { timeZone: zone, day: "numeric", month: "short" });
  const second = splits[1] - splits[0] < 60 ? "2-digit" : undefined;
  const clock = new Intl.DateTimeFormat("en-US", { timeZone: zone, hour: "2-digit", minute: "2-digit", second, hourCycle: "h23" });
  return splits.map((seconds) => {
    const date = new Date(seconds * 1000);
    const today = day.format(date);
    const text = today !== shown && /^(00:00|24:00)/.test(clock.format(date)) ? today : clock.format(date);
    shown = today;
    return text;
  });
}

function edgeSplits(chart, u) {
  const every = Math.max(1, Math.ceil((chart.edges.length * 46) / Math.max(1, u.width - 70)));
  return [...chart.edges.keys()].filter((at) => at % every === every - 1).map((at) => at + 0.5);
}

/** Draws charts into their elements; `onBrush(chart)` gives what is told of the range that the reader marks in one, as
 * (since, until) in ms since the epoch, or nothing. */
export function draw(elements, onBrush = () => undefined) {
  // All are measured before the first one is drawn.
  const measured = [...elements].map((element) => {
    const plot = element.querySelector(".plot");
    return { element, plot, width: Math.max(plot.clientWidth, 100), height: Math.max(plot.clientHeight, 80) };
  });
  for (const one of measured) drawOne(one, onBrush);
}

function drawOne({ element, plot, width, height }, brushOf) {
  const chart = JSON.parse(element.dataset.chart);
  const onBrush = brushOf(chart);
  const shown = chart.series;
  const drawn = chart.stacked ? stacked(shown) : shown;
  const count = (chart.edges?.length ?? chart.times.length - 1) + 1;
  const x = chart.edges ? [...Array(count).keys()] : chart.times.map((at) => at + chart.step / 2);
  const left = shown.find((one) => one.draw !== "faint");
  const upTo = (u, min, max) => {
    const most = chart.top ?? Math.max(left.unit ? 1 : 3, max ?? 0);
    const step = distance(most, u.height, left.unit);
    return [0, Math.ceil((most / step) * 0.999) * step];
  };
  const move = tip(plot, chart, shown);
  const options = {
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone === "UTC" ? "Etc/UTC" : zone),
    width,
    height,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: Boolean(onBrush), y: false, setScale: false } },
    scales: {
      x: { time: !chart.edges, range: () => (chart.edges ? [-0.5, count - 0.5] : [chart.times[0], chart.times[count - 1] + chart.step]) },
      [left.unit || "count"]: { range: upTo },
      behind: { range: (u, min, max) => [0, Math.max(1, max ?? 0) * 3.2] },
    },
    axes: axes(chart, left),
    series: [{}, ...drawn.map((one) => seriesOf(one, count > 70))],
    hooks: {
      setCursor: [move],
      draw: [
        (u) => {
          for (const old of u.over.querySelectorAll(".rule-name, .version-name, .beyond")) old.remove();
          if (chart.rule) rule(u, chart.rule, left);
          beyond(u, shown);
          marked(u, chart.marks ?? []);
        },
      ],
      setSelect: [
        (u) => {
          const { left: from, width } = u.select;
          if (!onBrush || width < 3) return;
          const snap = (at, round) => chart.times[0] + round((u.posToVal(at, "x") - chart.times[0]) / chart.step) * chart.step;
          const since = snap(from, Math.floor);
          const until = Math.max(since + chart.step, snap(from + width, Math.ceil));
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onBrush(since * 1000, until * 1000);
        },
      ],
    },
  };
  const made = new uPlot(options, [x, ...drawn.map((one) => one.drawn ?? one.values)], plot);
  plot.classList.toggle("brushable", Boolean(onBrush));
  live.set(element, { made, plot });
  sizes.observe(plot);
}

/** Takes a chart away before its element goes. */
export function drop(element) {
  const known = live.get(element);
  if (!known) return;
  sizes.unobserve(known.plot);
  known.made.destroy();
  live.delete(element);
}

function rule(u, { at, name }, left) {
  const y = Math.round(u.valToPos(at, left.unit || "count", true)) + 0.5;
  const { left: from, width } = u.bbox;
  const { ctx } = u;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--warn");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(from, y);
  ctx.lineTo(from + width, y);
  ctx.stroke();
  ctx.restore();
  const said = label(u, "rule-name", name);
  const top = u.valToPos(at, left.unit || "count");
  said.style.top = `${top}px`;
  // Above the line as far as there is room.
  said.style.transform = `translateY(max(-100% - 2px, ${-top}px))`;
}

/** Lines where versions came up, the newest ones with their names as far as there is room. */
function marked(u, marks) {
  const { top, height } = u.bbox;
  const { ctx } = u;
  let free = across(u);
  for (const { at, name } of [...marks].reverse()) {
    const x = Math.round(u.valToPos(at, "x", true)) + 0.5;
    ctx.save();
    ctx.strokeStyle = colour("--text");
    ctx.globalAlpha = 0.65;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    ctx.restore();
    const line = u.valToPos(at, "x");
    const wide = Math.min(width(name), width("0".repeat(14))) + 6;
    const start = [line + 3, line - 3 - wide].find((from) => from >= 0 && from + wide <= free);
    if (start !== undefined) label(u, "version-name", name).style.left = `${start}px`;
    free = Math.min(free, start ?? line, line) - 2;
  }
}

/** Says at the upper edge what lies above it; of values side by side the highest ones, as many as there is room for. */
function beyond(u, shown) {
  const found = shown
    .filter((one) => one.draw === "line")
    .flatMap((one) => one.values.map((value, at) => ({ one, value, at })))
    .filter(({ one, value }) => value !== null && value > u.scales[one.unit || "count"].max)
    .sort((a, b) => b.value - a.value);
  const place = ({ at }) => u.valToPos(u.data[0][at], "x");
  const mark = (one, className, text, from) => {
    const made = label(u, className, text);
    made.dataset.colour = one.colour;
    made.style.left = `${from}px`;
  };
  for (const point of found) mark(point.one, "beyond", "▲", place(point));
  const taken = found.map((point) => [place(point) - 5, place(point) + 5]);
  for (const point of found) {
    const text = told(point.value, point.one.unit);
    const wide = width(text) + 4;
    const free = (from) => from >= 0 && from + wide <= across(u) && taken.every(([a, b]) => b <= from || from + wide <= a);
    const start = [place(point) + 6, place(point) - 6 - wide].find(free);
    if (start === undefined) continue;
    mark(point.one, "beyond told", text, start);
    taken.push([start, start + wide]);
  }
}

/* Widths in CSS pixels, without asking the page, which would be laid out for each answer. */

const across = (u) => u.bbox.width / devicePixelRatio;

const ruler = new OffscreenCanvas(1, 1).getContext("2d");
/** Of a label's text. */
function width(text) {
  ruler.font = `11px ${FAMILY}`;
  return Math.ceil(ruler.measureText(text).width);
}

/** A text upon the chart. */
function label(u, className, text) {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  u.over.append(made);
  return made;
}

const live = new Map();
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    for (const { made, plot } of live.values()) {
      if (plot === target && plot.clientWidth && (made.width !== plot.clientWidth || made.height !== plot.clientHeight)) {
        made.setSize({ width: plot.clientWidth, height: plot.clientHeight });
      }
    }
  }
});

function repaint() {
  colours = null;
  for (const { made } of live.values()) made.redraw(true, true);
}
new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

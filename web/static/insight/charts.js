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
const moment = new Intl.DateTimeFormat(undefined, { timeZone: zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const exactly = new Intl.DateTimeFormat(undefined, { timeZone: zone, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'DejaVu Sans', sans-serif";

/** A value as people read it. */
export function told(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "ms") return value < 10000 ? `${whole.format(value)} ms` : `${(value / 1000).toFixed(1)} s`;
  return unit === "%" ? `${number.format(value)} %` : whole.format(value);
}

/** What a variable of the style sheet is now. Only a property of an element says which side of light-dark() it is. */
function colours(within) {
  const probe = document.createElement("i");
  probe.hidden = true;
  within.append(probe);
  const known = new Map();
  const of = (name) => {
    if (!known.has(name)) {
      probe.style.color = `var(${name})`;
      known.set(name, getComputedStyle(probe).color);
    }
    return known.get(name);
  };
  return { of, forget: () => known.clear() };
}

const bars = (size) => uPlot.paths.bars({ size: [size, 64], align: 0 });

/** Bars on top of each other: each is drawn up to the sum of those below it, the highest first. */
function stacked(series) {
  const sum = new Array(series[0]?.values.length ?? 0).fill(0);
  return series.map((one) => ({ ...one, drawn: one.values.map((value, at) => (sum[at] += value ?? 0)) })).reverse();
}

function seriesOf(one, colour, crowded) {
  const paint = (alpha) => () => {
    const [r, g, b] = colour.of(`--chart-${one.colour}`).match(/[\d.]+/g);
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

function axes(chart, colour, left) {
  const ink = () => colour.of("--muted");
  const grid = { stroke: () => colour.of("--line"), width: 1 };
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
  const day = new Intl.DateTimeFormat(undefined, { timeZone: zone, day: "numeric", month: "short" });
  const second = splits[1] - splits[0] < 60 ? "2-digit" : undefined;
  const clock = new Intl.DateTimeFormat(undefined, { timeZone: zone, hour: "2-digit", minute: "2-digit", second, hourCycle: "h23" });
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

/** Draws a chart into its element; `onBrush(since, until)` (ms since the epoch) is told what the reader marks. */
export function draw(element, onBrush) {
  const chart = JSON.parse(element.dataset.chart);
  const plot = element.querySelector(".plot");
  const colour = colours(element);
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
    width: Math.max(plot.clientWidth, 100),
    height: Math.max(plot.clientHeight, 80),
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: Boolean(onBrush), y: false, setScale: false } },
    scales: {
      x: { time: !chart.edges, range: () => (chart.edges ? [-0.5, count - 0.5] : [chart.times[0], chart.times[count - 1] + chart.step]) },
      [left.unit || "count"]: { range: upTo },
      behind: { range: (u, min, max) => [0, Math.max(1, max ?? 0) * 3.2] },
    },
    axes: axes(chart, colour, left),
    series: [{}, ...drawn.map((one) => seriesOf(one, colour, count > 70))],
    hooks: {
      setCursor: [move],
      draw: [(u) => chart.rule && rule(u, chart.rule, left, colour), (u) => beyond(u, shown), (u) => marked(u, chart.marks ?? [], colour)],
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
  live.set(element, { made, plot, colour });
  sizes.observe(plot);
  return made;
}

/** Takes a chart away before its element goes. */
export function drop(element) {
  const known = live.get(element);
  if (!known) return;
  sizes.unobserve(known.plot);
  known.made.destroy();
  live.delete(element);
}

function rule(u, { at, name }, left, colour) {
  const y = Math.round(u.valToPos(at, left.unit || "count", true)) + 0.5;
  const { left: from, width } = u.bbox;
  const { ctx } = u;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour.of("--warn");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(from, y);
  ctx.lineTo(from + width, y);
  ctx.stroke();
  ctx.restore();
  const said = label(u, "rule-name", name);
  said.style.top = `${Math.max(0, u.valToPos(at, left.unit || "count") - said.offsetHeight - 2)}px`;
}

/** Lines where versions came up, the newest ones with their names as far as there is room. */
function marked(u, marks, colour) {
  for (const old of u.over.querySelectorAll(".version-name")) old.remove();
  const { top, height } = u.bbox;
  const { ctx } = u;
  let free = u.over.clientWidth;
  for (const { at, name } of [...marks].reverse()) {
    const x = Math.round(u.valToPos(at, "x", true)) + 0.5;
    ctx.save();
    ctx.strokeStyle = colour.of("--text");
    ctx.globalAlpha = 0.65;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
    ctx.restore();
    const said = label(u, "version-name", name);
    const line = u.valToPos(at, "x");
    const start = [line + 3, line - 3 - said.offsetWidth].find((from) => from >= 0 && from + said.offsetWidth <= free);
    if (start === undefined) said.remove();
    else said.style.left = `${start}px`;
    free = Math.min(free, start ?? line, line) - 2;
  }
}

/** Says at the upper edge what lies above it; of values side by side the highest ones, as many as there is room for. */
function beyond(u, shown) {
  for (const old of u.over.querySelectorAll(".beyond")) old.remove();
  const found = shown
    .filter((one) => one.draw === "line")
    .flatMap((one) => one.values.map((value, at) => ({ one, value, at })))
    .filter(({ one, value }) => value !== null && value > u.scales[one.unit || "count"].max)
    .sort((a, b) => b.value - a.value);
  const place = ({ at }) => u.valToPos(u.data[0][at], "x");
  const mark = (one, className, text) => {
    const made = label(u, className, text);
    made.dataset.colour = one.colour;
    return made;
  };
  for (const point of found) mark(point.one, "beyond", "▲").style.left = `${place(point)}px`;
  const taken = found.map((point) => [place(point) - 5, place(point) + 5]);
  for (const point of found) {
    const said = mark(point.one, "beyond told", told(point.value, point.one.unit));
    const wide = said.offsetWidth;
    const free = (from) => from >= 0 && from + wide <= u.over.clientWidth && taken.every(([a, b]) => b <= from || from + wide <= a);
    const start = [place(point) + 6, place(point) - 6 - wide].find(free);
    if (start === undefined) said.remove();
    else {
      said.style.left = `${start}px`;
      taken.push([start, start + wide]);
    }
  }
}

/** A text upon the chart, in place of the one there was. */
function label(u, className, text) {
  if (className === "rule-name") u.over.querySelector(".rule-name")?.remove();
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
  for (const { made, colour } of live.values()) {
    colour.forget();
    made.redraw(true, true);
  }
}
new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

// The timeline's marks and words: small shapes and texts on a canvas.

/** What happened at one moment, and which of several it is that a mark shows. */
export const KINDS = { unanswered: 5, error: 4, caller_speech: 3, caller_dtmf: 3, preempt: 3, warning: 2, end: 2, info: 1, dtmf: 1, digits: 1, play: 1, language: 1 };
const TEXT = { dtmf: (text) => text, digits: (text) => text, language: (text) => text, play: () => "▶", end: () => "■" };

// Control and bidirectional characters would let text from a call reorder what stands beside it.
export const clean = (text) => text.replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}]/gu, "").trim();

/** As much of a text as there is room for. */
export function fitted(on, text, room) {
  if (on.measureText(text).width <= room) return text;
  let [fits, not] = [0, text.length];
  while (not - fits > 1) {
    const middle = (fits + not) >> 1;
    if (on.measureText(`${text.slice(0, middle)}…`).width <= room) fits = middle;
    else not = middle;
  }
  return `${text.slice(0, fits).trimEnd()}…`;
}

/** Draws a mark around `at`; what it says is cut so that the next one, `room` pixels on, stays in sight. */
export function glyph(on, c, kind, text, at, middle, font, room) {
  on.save();
  on.translate(at, middle);
  on.lineWidth = 1.6;
  on.lineJoin = "round";
  on.beginPath();
  if (kind === "caller_speech" || kind === "caller_dtmf" || kind === "preempt") {
    on.fillStyle = c.bad;
    for (const [dx, dy] of [[1.5, -7], [-4, 1], [-0.5, 1], [-1.5, 7], [4, -1.5], [0.5, -1.5]]) on.lineTo(dx, dy);
    on.fill();
  } else if (kind === "error") {
    on.strokeStyle = c.bad;
    on.lineWidth = 2.2;
    for (const [dx, dy] of [[-4, -4], [4, 4]]) on.lineTo(dx, dy);
    on.moveTo(4, -4);
    on.lineTo(-4, 4);
    on.stroke();
  } else if (kind === "warning") {
    on.strokeStyle = c.warn;
    for (const [dx, dy] of [[0, -6], [6, 5], [-6, 5]]) on.lineTo(dx, dy);
    on.closePath();
    on.stroke();
    on.fillStyle = c.warn;
    on.fillRect(-0.75, -2, 1.5, 3.5);
    on.fillRect(-0.75, 2.6, 1.5, 1.4);
  } else if (kind === "info") {
    on.strokeStyle = c.muted;
    on.arc(0, 0, 4, 0, 7);
    on.stroke();
  } else {
    on.font = `600 11px ${font}`;
    const said = fitted(on, (TEXT[kind] ?? ((other) => other))(text).slice(0, 5), Math.max(room - 10, 9));
    const wide = Math.max(on.measureText(said).width + 6, 13);
    on.strokeStyle = c["line-strong"];
    on.lineWidth = 1;
    on.fillStyle = c.surface;
    on.roundRect(-Math.min(wide, 14) / 2, -8, wide, 16, 3);
    on.fill();
    on.stroke();
    on.fillStyle = c.text;
    on.fillText(said, -Math.min(wide, 14) / 2 + (wide - on.measureText(said).width) / 2, 0.5);
  }
  on.restore();
}

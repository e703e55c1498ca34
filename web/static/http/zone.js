// The zone that times are told in and days begin in: the browser's, or UTC when the reader chose that.

/** As Intl takes it. */
export const zone = document.documentElement.dataset.zone;
const inUtc = zone === "UTC";

const two = (number) => String(number).padStart(2, "0");

/** Minutes that the zone is ahead of UTC at that time (ms since the epoch). */
const ahead = (ms) => (inUtc ? 0 : -new Date(ms).getTimezoneOffset());

/** A time as a date field has it: `2026-11-28T09:00`, with seconds where there are any. */
export function written(ms) {
  return new Date(ms + ahead(ms) * 60_000).toISOString().replace(/(:00)?\.000Z$/, "").replace(/Z$/, "");
}

/** What is in a date field, as ms since the epoch; NaN for nothing. */
export const moment = (text) => new Date(text && inUtc ? `${text}Z` : text).getTime();

/** A time as a filter has it, the same for everybody: `2026-11-28T09:00+09:00`. */
export function stamp(ms) {
  const offset = ahead(ms);
  const far = Math.abs(offset);
  return `${written(ms)}${offset ? `${offset < 0 ? "-" : "+"}${two(Math.floor(far / 60))}:${two(far % 60)}` : "Z"}`;
}

/** A filter's text with this range of time (ms, either may be null) in place of whatever time it had. */
export function ranged(q, since, until) {
  const kept = (q.match(/(?:[^\s"]|"(?:[^"\\]|\\.)*"?)+/g) ?? []).filter((token) => !/^(since|until|on):/i.test(token));
  if (since !== null) kept.push(`since:${stamp(since)}`);
  if (until !== null) kept.push(`until:${stamp(until)}`);
  return kept.join(" ");
}

// The time that figures are shown for: until now, or fixed by a drag in a chart.
import type { Parameters } from "../api";
import { clock, day } from "../format";
import { change } from "../location";
import { Segments } from "./controls";
import { Icon } from "./icons";

const RANGES = [
  { name: "5m", text: "5 min", minutes: 5, stepS: 5 },
  { name: "15m", text: "15 min", minutes: 15, stepS: 15 },
  { name: "1h", text: "1 h", minutes: 60, stepS: 60 },
  { name: "6h", text: "6 h", minutes: 360, stepS: 300 },
  { name: "24h", text: "24 h", minutes: 1_440, stepS: 1_800 },
] as const;
const USUAL = "15m";
const REFRESH_MS = 10_000;

export interface Range {
  name: string;
  /** µs since 1970; absent when the range goes until now. */
  fixed: { start: number; end: number } | undefined;
  everyMs: number | undefined;
}

export function readRange(query: URLSearchParams): Range {
  const start = Number(query.get("start"));
  const end = Number(query.get("end"));
  const name = RANGES.find((each) => each.name === query.get("range"))?.name ?? USUAL;
  const fixed = start > 0 && end > start ? { start, end } : undefined;
  return { name, fixed, everyMs: fixed ? undefined : REFRESH_MS };
}

/** What to ask for at this moment. Steps begin at round times, so that a refresh moves no bucket. */
export function askedNow(range: Range, now = Date.now() * 1_000): Parameters {
  if (range.fixed) return { start: Math.floor(range.fixed.start), end: Math.ceil(range.fixed.end) };
  const found = RANGES.find((each) => each.name === range.name) ?? RANGES[1];
  const step = found.stepS * 1_000_000;
  const start = Math.floor((now - found.minutes * 60_000_000) / step) * step;
  return { start, end: Math.floor(now), step: `${found.stepS}s` };
}

/** The same time for a search. */
export function searchRange(range: Range): Parameters {
  return range.fixed
    ? { start: Math.floor(range.fixed.start), end: Math.ceil(range.fixed.end) }
    : { lookback: range.name };
}

export function setRange(fixed: { start: number; end: number } | undefined): void {
  change({ start: fixed && Math.floor(fixed.start), end: fixed && Math.ceil(fixed.end) });
}

export function RangePicker({ range }: { range: Range }) {
  return (
    <div class="range">
      {range.fixed && (
        <button
          type="button"
          class="button toggle"
          aria-pressed="true"
          title="Back to the time until now"
          onClick={() => setRange(undefined)}
        >
          {day(range.fixed.start).replace(/ \d+$/, "")} {clock(range.fixed.start)} – {clock(range.fixed.end)}
          <Icon name="close" size={12} />
        </button>
      )}
      <Segments
        label="Time range"
        value={range.fixed ? "" : range.name}
        options={RANGES.map((each) => [each.name as string, each.text] as const)}
        onChange={(name) => change({ range: name === USUAL ? undefined : name, start: undefined, end: undefined })}
      />
    </div>
  );
}

// Numbers, times and texts as people read them.

function trimmed(value: number, unit: string): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits))}${unit}`;
}

/** A duration in µs. */
export function duration(us: number): string {
  const size = Math.abs(us);
  if (size < 1_000) return `${Math.round(us)}µs`;
  if (size < 999_500) return trimmed(us / 1_000, "ms");
  if (size < 60_000_000) return trimmed(us / 1_000_000, "s");
  if (size < 3_600_000_000) return `${Math.floor(us / 60_000_000)}m ${Math.round((us % 60_000_000) / 1_000_000)}s`;
  return `${Math.floor(us / 3_600_000_000)}h ${Math.round((us % 3_600_000_000) / 60_000_000)}m`;
}

/** Reads `1.5s`, `200ms`, `300us`…; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const found = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|h)\s*$/.exec(text);
  if (!found) return undefined;
  const unit = { ns: 1e-3, us: 1, µs: 1, ms: 1e3, s: 1e6, m: 6e7, h: 3.6e9 }[found[2] as "s"];
  return Number(found[1]) * unit;
}

export function seconds(value: number): string {
  if (value < 60) return `${Math.round(value)} s`;
  if (value < 3_600) return `${Math.floor(value / 60)} min`;
  if (value < 86_400) return `${Math.floor(value / 3_600)} h ${Math.floor((value % 3_600) / 60)} min`;
  return `${Math.floor(value / 86_400)} d ${Math.floor((value % 86_400) / 3_600)} h`;
}

const two = (value: number) => String(value).padStart(2, "0");

/** The clock time of µs since 1970, with or without milliseconds. */
export function clock(us: number, parts: "minutes" | "seconds" | "ms" | "us" = "seconds"): string {
  const date = new Date(us / 1_000);
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (parts === "minutes") return minutes;
  const text = `${minutes}:${two(date.getSeconds())}`;
  if (parts === "seconds") return text;
  const micros = Math.floor(us % 1_000_000);
  return parts === "ms"
    ? `${text}.${String(Math.floor(micros / 1_000)).padStart(3, "0")}`
    : `${text}.${String(micros).padStart(6, "0")}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export function day(us: number): string {
  const date = new Date(us / 1_000);
  return `${date.getDate()} ${MONTHS[date.getMonth()]} ${date.getFullYear()}`;
}

export function ago(us: number, now = Date.now() * 1_000): string {
  const past = (now - us) / 1_000_000;
  if (past < 2) return "just now";
  if (past < 60) return `${Math.floor(past)} s ago`;
  if (past < 3_600) return `${Math.floor(past / 60)} min ago`;
  if (past < 86_400) return `${Math.floor(past / 3_600)} h ago`;
  return `${Math.floor(past / 86_400)} d ago`;
}

export function rate(perSecond: number): string {
  if (perSecond === 0) return "0/s";
  if (perSecond < 0.1) return `${trimmed(perSecond * 60, "/min")}`;
  return trimmed(perSecond, "/s");
}

export function share(value: number): string {
  if (value === 0) return "0%";
  if (value < 0.001) return "<0.1%";
  return `${Number((value * 100).toFixed(value < 0.01 ? 2 : 1))}%`;
}

export function count(value: number): string {
  return value.toLocaleString("en-US");
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function bytes(value: number): string {
  if (value < 1_024) return `${value} B`;
  if (value < 1 << 20) return trimmed(value / 1_024, " kB");
  if (value < 1 << 30) return trimmed(value / (1 << 20), " MB");
  return trimmed(value / (1 << 30), " GB");
}

/** A name on one line: control characters become visible, the rest is cut. */
export function oneLine(text: string, most = 300): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text;
  return (
    visible(cut).replace(/[\n\r\t]/g, (found) => (found === "\n" ? "\\n" : found === "\r" ? "\\r" : "\\t")) ||
    "(no name)"
  );
}

/** Control characters, also those that turn the direction of text, as signs one can see. */
export function visible(text: string): string {
  return text
    .replace(
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g,
      (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, "0")}`,
    )
    .replace(/[\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, "�");
}

/** About `wanted` round steps between two numbers. */
export function ticks(from: number, to: number, wanted: number): number[] {
  const rough = (to - from) / Math.max(wanted, 1);
  if (!(rough > 0)) return [from];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? rough;
  const found: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to + step * 1e-9; at += step) found.push(at);
  return found;
}

const CLOCK_STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

/** Round clock times between two, in µs. */
export function clockTicks(from: number, to: number, wanted: number): number[] {
  const rough = (to - from) / 1_000_000 / Math.max(wanted, 1);
  if (rough < 1) return ticks(from, to, wanted);
  const step = (CLOCK_STEPS_S.find((each) => each >= rough) ?? 86_400 * Math.ceil(rough / 86_400)) * 1_000_000;
  const zone = new Date(from / 1_000).getTimezoneOffset() * 60_000_000;
  const found: number[] = [];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at <= to; at += step) found.push(at);
  return found;
}

export function clockTick(us: number, span: number): string {
  if (span < 10_000_000) return clock(us, "ms");
  if (span < 20 * 60_000_000) return clock(us, "seconds");
  if (span > 36 * 3_600_000_000) return `${day(us).replace(/ \d+$/, "")} ${clock(us, "minutes")}`;
  return clock(us, "minutes");
}

/** `tradewind.order.v1.OrderService/CreateOrder` without its package. */
export function shortOperation(name: string): string {
  return name.replace(/^(?:[a-z][a-z0-9_]*\.)+([A-Z]\w*\/\w+)$/, "$1");
}

/** From this share of failed calls on, something is failing. */
const FAILING = 0.01;

export type Health = "good" | "warn" | "bad";

export function health(errorShare: number): Health {
  if (errorShare >= FAILING) return "bad";
  return errorShare > 0 ? "warn" : "good";
}

// A search as the address holds it (names as in Jaeger UI) and as the API is asked.
import type { Parameters, Summary } from "../api";
import { parseDuration } from "../format";

export interface Search {
  service: string;
  operation: string;
  tags: string;
  minDuration: string;
  maxDuration: string;
  errors: boolean;
  /** `1h`, `all`, or `custom` with start and end. */
  lookback: string;
  start: string;
  end: string;
  limit: string;
}

export const LOOKBACKS = [
  ["5m", "Last 5 minutes"],
  ["15m", "Last 15 minutes"],
  ["1h", "Last hour"],
  ["3h", "Last 3 hours"],
  ["6h", "Last 6 hours"],
  ["12h", "Last 12 hours"],
  ["24h", "Last 24 hours"],
  ["2d", "Last 2 days"],
  ["all", "Everything kept"],
  ["custom", "From … to …"],
] as const;

/** `{"k":"v"}`, as Jaeger UI writes tags, becomes `k=v`. */
function readable(tags: string): string {
  if (!tags.trim().startsWith("{")) return tags;
  try {
    const found = JSON.parse(tags) as Record<string, unknown>;
    return Object.entries(found)
      .map(([key, value]) => {
        const text = String(value);
        return /[\s"=]/.test(text) || text === "" ? `${key}="${text.replace(/(["\\])/g, "\\$1")}"` : `${key}=${text}`;
      })
      .join(" ");
  } catch {
    return tags;
  }
}

export function readSearch(query: URLSearchParams): Search {
  const get = (name: string) => query.get(name) ?? "";
  const start = get("start");
  return {
    service: get("service"),
    operation: get("operation"),
    tags: readable(get("tags")),
    minDuration: get("minDuration"),
    maxDuration: get("maxDuration"),
    errors: get("errors") === "true",
    lookback: start || get("end") ? "custom" : get("lookback") || "1h",
    start,
    end: get("end"),
    limit: get("limit") || "100",
  };
}

/** The parameters of an address; what is usual is left out. */
export function writeSearch(search: Search): Parameters {
  const custom = search.lookback === "custom";
  return {
    service: search.service,
    operation: search.operation,
    tags: search.tags.trim(),
    minDuration: search.minDuration.trim(),
    maxDuration: search.maxDuration.trim(),
    errors: search.errors || undefined,
    lookback: custom || search.lookback === "1h" ? undefined : search.lookback,
    start: custom ? search.start : undefined,
    end: custom ? search.end : undefined,
    limit: search.limit === "100" ? undefined : search.limit,
  };
}

export function askedOf(search: Search): Parameters {
  return {
    ...writeSearch(search),
    lookback: search.lookback === "all" || search.lookback === "custom" ? undefined : search.lookback,
    limit: search.limit,
  };
}

/** What the live tail's own filters leave: the rest of a search that a summary can tell. */
export function fits(search: Search, summary: Summary): boolean {
  const least = parseDuration(search.minDuration);
  const most = parseDuration(search.maxDuration);
  if (least !== undefined && summary.duration < least) return false;
  return most === undefined || summary.duration <= most;
}

export type Order = "newest" | "longest" | "shortest" | "spans" | "errors";

export const ORDERS: readonly (readonly [Order, string])[] = [
  ["newest", "Newest first"],
  ["longest", "Longest first"],
  ["shortest", "Shortest first"],
  ["spans", "Most spans first"],
  ["errors", "Most errors first"],
];

export function ordered(summaries: Summary[], order: Order): Summary[] {
  const by: Record<Order, (one: Summary, other: Summary) => number> = {
    newest: (one, other) => other.startTime - one.startTime,
    longest: (one, other) => other.duration - one.duration,
    shortest: (one, other) => one.duration - other.duration,
    spans: (one, other) => other.spanCount - one.spanCount,
    errors: (one, other) => other.errorCount - one.errorCount || other.startTime - one.startTime,
  };
  return [...summaries].sort(by[order]);
}

// The query API (mesh/viewer/API.md).

export interface KeyValue {
  key: string;
  type: string;
  value: string | number | boolean;
}

export interface Reference {
  refType: "CHILD_OF" | "FOLLOWS_FROM";
  traceID: string;
  spanID: string;
}

export interface SpanEvent {
  timestamp: number;
  fields: KeyValue[];
}

export interface Span {
  traceID: string;
  spanID: string;
  operationName: string;
  references: Reference[];
  startTime: number;
  duration: number;
  tags: KeyValue[];
  logs: SpanEvent[];
  processID: string;
  warnings: string[] | null;
}

export interface Process {
  serviceName: string;
  tags: KeyValue[];
}

export interface Trace {
  traceID: string;
  spans: Span[];
  processes: Record<string, Process>;
  warnings: string[] | null;
}

export interface Summary {
  traceID: string;
  startTime: number;
  duration: number;
  rootService: string;
  rootOperation: string;
  spanCount: number;
  errorCount: number;
  services: { name: string; spans: number; errors: number }[];
}

export interface Figures {
  count: number;
  errors: number;
  rate: number;
  errorShare: number;
  p50: number;
  p95: number;
  p99: number;
}

export interface Exemplar {
  traceID: string;
  duration: number;
  error: boolean;
}

export interface Bucket extends Figures {
  start: number;
  exemplar?: Exemplar;
}

export interface Series {
  service: string;
  operation: string;
  total: Figures;
  buckets: Bucket[];
}

export interface Red {
  start: number;
  end: number;
  step: number;
  series: Series[];
}

export type NodeKind = "service" | "database" | "external" | "outside";

export interface MapNode {
  name: string;
  kind: NodeKind;
}

export interface MapEdge {
  parent: string;
  child: string;
  count: number;
  errors: number;
  rate: number;
  errorShare: number;
  p50: number;
  p95: number;
}

export interface ServiceMap {
  start: number;
  end: number;
  nodes: MapNode[];
  edges: MapEdge[];
}

export interface LogLine {
  time: number;
  service: string;
  severity: string;
  severityNumber: number;
  spanID: string;
  body: string;
  attributes: KeyValue[];
}

export interface Stats {
  traces: number;
  spans: number;
  logs: number;
  bytes: number;
  maxBytes: number;
  maxAgeS: number;
  oldest: number | null;
  sampleShare: number;
  received: Record<string, number>;
  dropped: Record<string, number>;
  refused: Record<string, number>;
}

/** What `tradewind.mesh.v1` tells, as protobuf JSON: what is zero or empty may be left out. */
export interface MeshState {
  snapshot?: MeshSnapshot;
  proxies?: MeshProxy[];
  faults?: MeshFault[];
  policy?: { document?: string; version?: string };
  /** Orders that live, by state. */
  orders?: { state: string; count: number }[];
  /** Totals of the ledger, as decimals with their unit. */
  ledger?: { name: string; total: string; unit?: string }[];
}

export interface MeshSnapshot {
  version?: string;
  destinations?: MeshDestination[];
  keysKnown?: boolean;
}

export interface MeshDestination {
  service?: string;
  clusters?: { cluster?: string; weight?: number; endpoints?: number }[];
  instances?: { name?: string; address?: string; label?: string; state?: string }[];
}

export interface MeshProxy {
  node?: string;
  workload?: string;
  agent?: string;
  address?: string;
  connectTime?: string;
  seenTime?: string;
  current?: boolean;
  types?: MeshProxyType[];
}

export interface MeshProxyType {
  type?: string;
  resources?: number;
  sentVersion?: string;
  acceptedVersion?: string;
  refusedVersion?: string;
  refusedMessage?: string;
}

export interface MeshFault {
  name?: string;
  destination?: string;
  source?: string;
  method?: string;
  headers?: { name?: string; value?: string }[];
  percent?: string;
  /** Seconds, like `0.300s`. */
  delay?: string;
  abort?: string;
  endTime?: string;
}

/** An answer that is no success; `status` 0 means that nobody answered. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export type Parameters = Record<string, string | number | boolean | undefined>;

export function withParameters(path: string, parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== "" && value !== false) query.set(key, String(value));
  }
  const text = query.toString();
  return text ? `${path}${path.includes("?") ? "&" : "?"}${text}` : path;
}

/** What the query API answers as `data`. */
export async function ask<T>(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(withParameters(path, parameters), signal ? { signal } : {});
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "The viewer does not answer. Does the mesh still run?");
  }
  let body: { data: T; errors: { code: number; msg: string }[] | null };
  try {
    body = (await answer.json()) as typeof body;
  } catch {
    throw new ApiError(answer.status, `The viewer answered ${answer.status} without JSON.`);
  }
  if (!answer.ok || body.errors?.length) {
    throw new ApiError(answer.status, body.errors?.[0]?.msg ?? `The viewer answered ${answer.status}.`);
  }
  return body.data;
}

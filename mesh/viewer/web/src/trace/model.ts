// A trace as the page needs it: its tree, times from its start, errors, gaps and critical path.
import type { KeyValue, Reference, Span, Trace } from "../api";

export interface Node {
  index: number;
  span: Span;
  service: string;
  kind: string;
  error: boolean;
  /** µs from the trace's start. */
  start: number;
  end: number;
  depth: number;
  parent: Node | undefined;
  children: Node[];
  /** Spans below it. */
  below: number;
  errorsBelow: number;
  /** Its parent is named but is not in the store. */
  orphan: boolean;
  /** Time in no child, µs. */
  own: number;
  gap: Gap | undefined;
  database: boolean;
  links: Reference[];
}

/** What a client waits for besides its server's work. */
export interface Gap {
  /** The server's spans began and ended then. */
  serverStart: number;
  serverEnd: number;
  request: number;
  response: number;
}

export interface Segment {
  start: number;
  end: number;
}

export interface Model {
  traceID: string;
  start: number;
  duration: number;
  /** In the order of the waterfall: parents before children, by start. */
  nodes: Node[];
  roots: Node[];
  byId: Map<string, Node>;
  services: { name: string; spans: number; errors: number }[];
  errors: number;
  depth: number;
  critical: Map<Node, Segment[]>;
  warnings: string[];
}

export function tag(tags: KeyValue[], key: string): KeyValue["value"] | undefined {
  return tags.find((each) => each.key === key)?.value;
}

export function modelOf(trace: Trace): Model {
  const start = trace.spans.reduce((least, span) => Math.min(least, span.startTime), Infinity);
  const base = Number.isFinite(start) ? start : 0;
  const byId = new Map<string, Node>();
  const all = trace.spans.map((span): Node => {
    const node: Node = {
      index: 0,
      span,
      service: trace.processes[span.processID]?.serviceName ?? "unknown",
      kind: String(tag(span.tags, "span.kind") ?? "internal"),
      error: tag(span.tags, "error") === true,
      start: span.startTime - base,
      end: span.startTime - base + span.duration,
      depth: 0,
      parent: undefined,
      children: [],
      below: 0,
      errorsBelow: 0,
      orphan: false,
      own: span.duration,
      gap: undefined,
      database: span.tags.some((each) => each.key === "db.system.name" || each.key === "db.system"),
      links: span.references.filter((each) => each.refType === "FOLLOWS_FROM"),
    };
    if (!byId.has(span.spanID)) byId.set(span.spanID, node);
    return node;
  });
  for (const node of all) {
    const parent = node.span.references.find(
      (each) => each.refType === "CHILD_OF" && each.traceID === node.span.traceID,
    );
    if (!parent) continue;
    node.parent = byId.get(parent.spanID);
    node.orphan = node.parent === undefined;
    if (node.parent === node) node.parent = undefined;
    node.parent?.children.push(node);
  }
  const { nodes, roots } = inOrder(all);
  for (let index = nodes.length - 1; index >= 0; index--) {
    const node = nodes[index]!;
    for (const child of node.children) {
      node.below += child.below + 1;
      node.errorsBelow += child.errorsBelow + (child.error ? 1 : 0);
    }
    node.own = ownTime(node);
    node.gap = gapOf(node);
  }
  const services = new Map<string, { name: string; spans: number; errors: number }>();
  for (const node of nodes) {
    const found = services.get(node.service) ?? { name: node.service, spans: 0, errors: 0 };
    found.spans += 1;
    found.errors += node.error ? 1 : 0;
    services.set(node.service, found);
  }
  return {
    traceID: trace.traceID,
    start: base,
    duration: Math.max(
      nodes.reduce((most, node) => Math.max(most, node.end), 0),
      1,
    ),
    nodes,
    roots,
    byId,
    services: [...services.values()],
    errors: nodes.filter((node) => node.error).length,
    depth: nodes.reduce((most, node) => Math.max(most, node.depth + 1), 0),
    critical: criticalPath(roots),
    warnings: trace.warnings ?? [],
  };
}

/** Depth first; spans that are each other's ancestors are cut apart. */
function inOrder(all: Node[]): { nodes: Node[]; roots: Node[] } {
  const byStart = (one: Node, other: Node) => one.start - other.start || other.end - one.end;
  const nodes: Node[] = [];
  const roots: Node[] = [];
  const seen = new Set<Node>();
  const walk = (root: Node) => {
    roots.push(root);
    const stack = [root];
    seen.add(root);
    for (let node = stack.pop(); node; node = stack.pop()) {
      node.index = nodes.length;
      node.depth = node.parent ? node.parent.depth + 1 : 0;
      nodes.push(node);
      node.children = node.children.filter((child) => !seen.has(child)).sort(byStart);
      for (let index = node.children.length - 1; index >= 0; index--) {
        const child = node.children[index]!;
        seen.add(child);
        stack.push(child);
      }
    }
  };
  const sorted = [...all].sort(byStart);
  for (const node of sorted) if (!node.parent) walk(node);
  for (const node of sorted) {
    if (seen.has(node)) continue;
    node.parent = undefined;
    walk(node);
  }
  return { nodes, roots };
}

function ownTime(node: Node): number {
  let own = 0;
  let at = node.start;
  for (const child of node.children) {
    const start = Math.min(Math.max(child.start, node.start), node.end);
    if (start > at) own += start - at;
    at = Math.max(at, Math.min(child.end, node.end));
  }
  return own + Math.max(node.end - at, 0);
}

const SERVED: Record<string, string> = { client: "server", producer: "consumer" };

function gapOf(node: Node): Gap | undefined {
  const wanted = SERVED[node.kind];
  const served = wanted ? node.children.filter((child) => child.kind === wanted) : [];
  if (!served.length) return undefined;
  const serverStart = Math.min(...served.map((each) => each.start));
  const serverEnd = Math.max(...served.map((each) => each.end));
  return { serverStart, serverEnd, request: serverStart - node.start, response: node.end - serverEnd };
}

/** What the trace's duration is made of: walks back from each end to the child that ended last. */
function criticalPath(roots: Node[]): Map<Node, Segment[]> {
  const found = new Map<Node, Segment[]>();
  const root = roots.reduce<Node | undefined>(
    (longest, each) => (!longest || each.span.duration > longest.span.duration ? each : longest),
    undefined,
  );
  if (!root) return found;
  const stack: { node: Node; from: number; to: number }[] = [{ node: root, from: root.start, to: root.end }];
  for (let work = stack.pop(); work; work = stack.pop()) {
    const { node, from, to } = work;
    const segments: Segment[] = [];
    let at = to;
    const children = [...node.children].sort((one, other) => other.end - one.end);
    for (const child of children) {
      const end = Math.min(child.end, to);
      const start = Math.max(child.start, from);
      if (end > at || start >= at || end <= start) continue;
      if (at > end) segments.push({ start: end, end: at });
      stack.push({ node: child, from: start, to: end });
      at = start;
    }
    if (at > from) segments.push({ start: from, end: at });
    found.set(node, segments);
  }
  return found;
}

const MOST_TEXT = 20_000;

/** What "find" looks through, in small letters. */
export function haystack(node: Node): string {
  const parts = [node.service, node.span.operationName, node.span.spanID, node.kind];
  for (const each of node.span.tags) parts.push(`${each.key}=${String(each.value).slice(0, MOST_TEXT)}`);
  for (const event of node.span.logs) {
    for (const each of event.fields) parts.push(`${each.key}=${String(each.value).slice(0, MOST_TEXT)}`);
  }
  return parts.join("\n").toLowerCase();
}

/** The rows to show: nothing below what is collapsed. */
export function rowsOf(model: Model, collapsed: ReadonlySet<Node>): Node[] {
  if (!collapsed.size) return model.nodes;
  const found: Node[] = [];
  for (let index = 0; index < model.nodes.length; index++) {
    const node = model.nodes[index]!;
    found.push(node);
    if (collapsed.has(node)) index += node.below;
  }
  return found;
}

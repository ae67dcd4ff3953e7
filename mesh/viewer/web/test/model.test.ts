import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KeyValue, Span, Trace } from "../src/api";
import { haystack, modelOf, rowsOf, type Model } from "../src/trace/model";

const TRACE = "5b8efff798038103d269b633813fc60c";
const START = 1_730_000_000_123_456;

interface Drawn {
  id: string;
  parent?: string;
  start: number;
  duration: number;
  service?: string;
  kind?: string;
  error?: boolean;
  tags?: KeyValue[];
}

function span(drawn: Drawn): Span {
  const tags: KeyValue[] = [
    { key: "span.kind", type: "string", value: drawn.kind ?? "internal" },
    ...(drawn.tags ?? []),
  ];
  if (drawn.error) tags.push({ key: "error", type: "bool", value: true });
  return {
    traceID: TRACE,
    spanID: drawn.id,
    operationName: `work ${drawn.id}`,
    references: drawn.parent ? [{ refType: "CHILD_OF", traceID: TRACE, spanID: drawn.parent }] : [],
    startTime: START + drawn.start,
    duration: drawn.duration,
    tags,
    logs: [],
    processID: drawn.service ?? "p",
    warnings: null,
  };
}

function model(...drawn: Drawn[]): Model {
  const services = [...new Set(drawn.map((each) => each.service ?? "p"))];
  const processes = Object.fromEntries(services.map((name) => [name, { serviceName: name, tags: [] }]));
  const trace: Trace = { traceID: TRACE, spans: drawn.map(span), processes, warnings: null };
  return modelOf(trace);
}

const ids = (found: Model) => found.nodes.map((node) => node.span.spanID).join(" ");

function path(found: Model): string[] {
  return [...found.critical]
    .flatMap(([node, segments]) => segments.map((each) => ({ id: node.span.spanID, ...each })))
    .sort((one, other) => one.start - other.start)
    .map((each) => `${each.id} ${each.start}-${each.end}`);
}

describe("the tree", () => {
  it("puts parents before children and children by their start", () => {
    const found = model(
      { id: "c", parent: "a", start: 50, duration: 10 },
      { id: "b", parent: "a", start: 10, duration: 20 },
      { id: "d", parent: "b", start: 12, duration: 5 },
      { id: "a", start: 0, duration: 100 },
    );
    assert.equal(ids(found), "a b d c");
    assert.deepEqual(
      found.nodes.map((node) => node.depth),
      [0, 1, 2, 1],
    );
    assert.equal(found.nodes[0]!.below, 3);
    assert.equal(found.duration, 100);
  });

  it("counts errors of spans, services and subtrees", () => {
    const found = model(
      { id: "a", start: 0, duration: 9, service: "edge" },
      { id: "b", parent: "a", start: 1, duration: 5, service: "order", error: true },
      { id: "c", parent: "b", start: 2, duration: 1, service: "order", error: true },
    );
    assert.equal(found.errors, 2);
    assert.equal(found.nodes[0]!.errorsBelow, 2);
    assert.deepEqual(found.services, [
      { name: "edge", spans: 1, errors: 0 },
      { name: "order", spans: 2, errors: 2 },
    ]);
  });

  it("shows a span whose parent is missing as a root, and says so", () => {
    const found = model({ id: "a", start: 0, duration: 9 }, { id: "b", parent: "lost", start: 3, duration: 1 });
    assert.equal(found.roots.length, 2);
    assert.deepEqual(
      found.nodes.map((node) => node.orphan),
      [false, true],
    );
  });

  it("shows every span of a circle once", () => {
    const found = model(
      { id: "a", parent: "b", start: 0, duration: 9 },
      { id: "b", parent: "a", start: 1, duration: 5 },
      { id: "c", parent: "c", start: 2, duration: 1 },
    );
    assert.equal(ids(found).split(" ").sort().join(" "), "a b c");
  });

  it("survives a trace without spans", () => {
    const found = model();
    assert.equal(found.nodes.length, 0);
    assert.equal(found.duration, 1);
  });

  it("is made in one go for a chain that is 5,000 deep", () => {
    const chain = Array.from({ length: 5_000 }, (_, index): Drawn => ({
      id: `${index}`,
      ...(index ? { parent: `${index - 1}` } : {}),
      start: index,
      duration: 10_000 - 2 * index,
    }));
    assert.equal(model(...chain).depth, 5_000);
  });
});

describe("time in itself", () => {
  it("is what no child covers, however they overlap or hang over", () => {
    const found = model(
      { id: "a", start: 0, duration: 100 },
      { id: "b", parent: "a", start: 10, duration: 30 },
      { id: "c", parent: "a", start: 20, duration: 30 },
      { id: "d", parent: "a", start: 90, duration: 60 },
    );
    assert.equal(found.nodes[0]!.own, 10 + 40);
  });
});

describe("network and queue", () => {
  it("is what a client waits for before and after its server's span", () => {
    const found = model(
      { id: "a", start: 0, duration: 100, kind: "client" },
      { id: "b", parent: "a", start: 30, duration: 50, kind: "server" },
    );
    assert.deepEqual(found.nodes[0]!.gap, { serverStart: 30, serverEnd: 80, request: 30, response: 20 });
    assert.equal(found.nodes[1]!.gap, undefined);
  });

  it("is nothing for a client without a server's span", () => {
    const found = model(
      { id: "a", start: 0, duration: 100, kind: "client" },
      { id: "b", parent: "a", start: 30, duration: 50 },
    );
    assert.equal(found.nodes[0]!.gap, undefined);
  });
});

describe("the critical path", () => {
  it("goes back from the end to the child that ended last", () => {
    const found = model(
      { id: "a", start: 0, duration: 100 },
      { id: "b", parent: "a", start: 10, duration: 40 },
      { id: "c", parent: "a", start: 20, duration: 60 },
    );
    assert.deepEqual(path(found), ["a 0-20", "c 20-80", "a 80-100"]);
  });

  it("takes both of two children that follow each other", () => {
    const found = model(
      { id: "a", start: 0, duration: 100 },
      { id: "b", parent: "a", start: 10, duration: 20 },
      { id: "c", parent: "a", start: 40, duration: 50 },
    );
    assert.deepEqual(path(found), ["a 0-10", "b 10-30", "a 30-40", "c 40-90", "a 90-100"]);
  });

  it("leaves out what goes on after its parent has ended", () => {
    const found = model({ id: "a", start: 0, duration: 50 }, { id: "b", parent: "a", start: 40, duration: 100 });
    assert.deepEqual(path(found), ["a 0-40", "b 40-50"]);
  });

  it("covers the root's whole time, each moment once", () => {
    let seed = 7;
    const random = (most: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % most;
    for (let round = 0; round < 50; round++) {
      const drawn: Drawn[] = [{ id: "0", start: 0, duration: 1_000 }];
      for (let index = 1; index < 40; index++) {
        const parent = drawn[random(index)]!;
        const start = parent.start + random(parent.duration + 1);
        drawn.push({
          id: `${index}`,
          parent: parent.id,
          start,
          duration: random(parent.start + parent.duration - start + 1),
        });
      }
      const segments = [...model(...drawn).critical.values()].flat().sort((one, other) => one.start - other.start);
      let at = 0;
      for (const each of segments) {
        assert.equal(each.start, at, `round ${round}`);
        at = each.end;
      }
      assert.equal(at, 1_000);
    }
  });
});

describe("rows and find", () => {
  it("leaves out what is below collapsed spans", () => {
    const found = model(
      { id: "a", start: 0, duration: 100 },
      { id: "b", parent: "a", start: 10, duration: 20 },
      { id: "c", parent: "b", start: 11, duration: 2 },
      { id: "d", parent: "a", start: 40, duration: 50 },
    );
    const rows = rowsOf(found, new Set([found.byId.get("b")!]));
    assert.deepEqual(
      rows.map((node) => node.span.spanID),
      ["a", "b", "d"],
    );
  });

  it("looks through names, ids, attributes and events, in small letters", () => {
    const found = model({
      id: "a1",
      start: 0,
      duration: 1,
      service: "Order",
      tags: [{ key: "db.system.name", type: "string", value: "SQLite" }],
    });
    const text = haystack(found.nodes[0]!);
    for (const wanted of ["order", "work a1", "db.system.name=sqlite"]) assert.ok(text.includes(wanted), wanted);
  });
});

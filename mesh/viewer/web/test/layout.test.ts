import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MapEdge, ServiceMap } from "../src/api";
import { BOX, layoutOf, type Layout } from "../src/map/layout";

function map(...calls: string[]): ServiceMap {
  const edges = calls.map((call): MapEdge => {
    const [parent = "", child = ""] = call.split(">");
    return { parent, child, count: 1, errors: 0, rate: 1, errorShare: 0, p50: 1, p95: 1 };
  });
  const names = [...new Set(edges.flatMap((edge) => [edge.parent, edge.child]))];
  return {
    start: 0,
    end: 1,
    nodes: names.map((name) => ({ name, kind: name === "outside" ? "outside" : "service" })),
    edges,
  };
}

const x = (layout: Layout, name: string) => layout.boxes.find((box) => box.node.name === name)!.x;

function assertNoOverlap(layout: Layout): void {
  for (const one of layout.boxes) {
    for (const other of layout.boxes) {
      if (one === other || one.x !== other.x) continue;
      assert.ok(Math.abs(one.y - other.y) >= BOX.height, `${one.node.name} over ${other.node.name}`);
    }
  }
}

describe("the service map's layout", () => {
  it("puts callers left of whom they call, also over several layers", () => {
    const calls = [
      "outside>edge",
      "edge>order",
      "edge>auth",
      "order>user",
      "order>inventory",
      "edge>user",
      "user>db",
      "order>db",
    ];
    const layout = layoutOf(map(...calls));
    for (const call of calls) {
      const [parent = "", child = ""] = call.split(">");
      assert.ok(x(layout, parent) < x(layout, child), call);
    }
    assert.equal(layout.lines.length, calls.length);
    assertNoOverlap(layout);
  });

  it("draws circles and calls to oneself", () => {
    const layout = layoutOf(map("a>b", "b>c", "c>a", "b>b"));
    assert.equal(layout.boxes.length, 3);
    assert.equal(layout.lines.length, 4);
    for (const line of layout.lines) assert.match(line.path, /^M[-\d.,CL ]+$/);
  });

  it("keeps fifty services inside of its size and apart", () => {
    const calls = Array.from({ length: 120 }, (_, index) => `s${(index * 7) % 50}>s${(index * 13 + 1) % 50}`);
    const layout = layoutOf(map(...calls));
    assertNoOverlap(layout);
    for (const box of layout.boxes) {
      assert.ok(box.x >= 0 && box.x + BOX.width <= layout.width);
      assert.ok(box.y >= 0 && box.y + BOX.height <= layout.height);
    }
  });

  it("keeps labels apart, inside, and off the boxes of calls that skip a layer", () => {
    const layout = layoutOf(
      map(
        "outside>edge",
        "outside>user",
        "edge>auth",
        "edge>order",
        "edge>user",
        "auth>user",
        "order>user",
        "order>db",
        "db>edge",
      ),
    );
    for (const [index, one] of layout.lines.entries()) {
      assert.ok(one.y >= 0 && one.y <= layout.height);
      for (const other of layout.lines.slice(index + 1)) {
        assert.ok(one.x !== other.x || Math.abs(one.y - other.y) >= 39.9, `${one.edge.parent} ${other.edge.parent}`);
      }
    }
    const skipping = layout.lines.find((line) => line.edge.parent === "edge" && line.edge.child === "user")!;
    for (const box of layout.boxes) {
      const inside =
        skipping.x > box.x && skipping.x < box.x + BOX.width && skipping.y > box.y && skipping.y < box.y + BOX.height;
      assert.ok(!inside, box.node.name);
    }
  });

  it("does not depend on figures", () => {
    const calm = map("outside>edge", "edge>order");
    const busy = { ...calm, edges: calm.edges.map((edge) => ({ ...edge, rate: 1_000, errors: 5 })) };
    assert.deepEqual(layoutOf(calm).boxes, layoutOf(busy).boxes);
  });
});

// Where the boxes of the service map go: layers from left to right, few crossings.
import type { MapEdge, MapNode, ServiceMap } from "../api";

export const BOX = { width: 176, height: 60 };
const GAP = { x: 112, y: 52 };
/** Height of a label with the room around it. */
const LABEL = 40;
const PASSES = 6;

export interface Placed {
  node: MapNode;
  x: number;
  y: number;
}

export interface Routed {
  edge: MapEdge;
  path: string;
  /** Middle of the line, for its label. */
  x: number;
  y: number;
}

export interface Layout {
  boxes: Placed[];
  lines: Routed[];
  width: number;
  height: number;
}

interface Cell {
  layer: number;
  y: number;
  size: number;
  node: MapNode | undefined;
  before: Cell[];
  after: Cell[];
}

/** Edges that would close a circle, found depth first. */
function backEdges(names: string[], edges: MapEdge[]): Set<MapEdge> {
  const out = new Map<string, MapEdge[]>();
  for (const edge of edges) out.set(edge.parent, [...(out.get(edge.parent) ?? []), edge]);
  const state = new Map<string, "open" | "done">();
  const found = new Set<MapEdge>();
  const visit = (name: string) => {
    state.set(name, "open");
    for (const edge of out.get(name) ?? []) {
      const other = state.get(edge.child);
      if (other === "open") found.add(edge);
      else if (!other) visit(edge.child);
    }
    state.set(name, "done");
  };
  for (const name of names) if (!state.has(name)) visit(name);
  return found;
}

function layersOf(names: string[], edges: MapEdge[]): Map<string, number> {
  const layers = new Map(names.map((name) => [name, 0]));
  for (let round = 0; round < names.length; round++) {
    let moved = false;
    for (const edge of edges) {
      const wanted = (layers.get(edge.parent) ?? 0) + 1;
      if (wanted > (layers.get(edge.child) ?? 0)) {
        layers.set(edge.child, wanted);
        moved = true;
      }
    }
    if (!moved) break;
  }
  return layers;
}

/** How far from the middle of its box each line begins or ends: in the order of its other ends, so that none cross there. */
function ports(routes: Map<MapEdge, Cell[]>, of: (route: Cell[]) => [Cell, number]): Map<MapEdge, number> {
  const at = new Map<Cell, [MapEdge, number][]>();
  for (const [edge, route] of routes) {
    const [cell, other] = of(route);
    at.set(cell, [...(at.get(cell) ?? []), [edge, other]]);
  }
  const found = new Map<MapEdge, number>();
  for (const lines of at.values()) {
    const pitch = Math.min(14, (BOX.height - 20) / Math.max(lines.length - 1, 1));
    lines.sort((one, other) => one[1] - other[1]);
    lines.forEach(([edge], index) => found.set(edge, (index - (lines.length - 1) / 2) * pitch));
  }
  return found;
}

/** Moves labels that stand above each other apart. */
function spread(lines: Routed[]): void {
  const columns = new Map<number, Routed[]>();
  for (const line of lines) columns.set(line.x, [...(columns.get(line.x) ?? []), line]);
  for (const column of columns.values()) {
    column.sort((one, other) => one.y - other.y);
    // Those that touch are one group, which keeps its middle.
    const groups = column.map((line) => ({ lines: [line], middle: line.y }));
    for (let index = 1; index < groups.length;) {
      const [above, below] = [groups[index - 1]!, groups[index]!];
      const room = ((above.lines.length + below.lines.length) / 2) * LABEL;
      if (below.middle - above.middle >= room) {
        index++;
        continue;
      }
      const joined = [...above.lines, ...below.lines];
      const middle = (above.middle * above.lines.length + below.middle * below.lines.length) / joined.length;
      groups.splice(index - 1, 2, { lines: joined, middle });
      index = Math.max(index - 1, 1);
    }
    for (const { lines: group, middle } of groups) {
      group.forEach((line, index) => (line.y = middle + (index - (group.length - 1) / 2) * LABEL));
    }
  }
}

export function layoutOf(map: ServiceMap): Layout {
  const names = [...map.nodes]
    .sort(
      (one, other) =>
        Number(other.kind === "outside") - Number(one.kind === "outside") || (one.name < other.name ? -1 : 1),
    )
    .map((node) => node.name);
  const known = new Set(names);
  const edges = map.edges.filter((edge) => known.has(edge.parent) && known.has(edge.child));
  const backwards = backEdges(names, edges);
  const forwards = edges.filter((edge) => !backwards.has(edge) && edge.parent !== edge.child);
  const layers = layersOf(names, forwards);
  const cells = new Map<string, Cell>();
  const columns: Cell[][] = [];
  const add = (layer: number, node?: MapNode): Cell => {
    const cell: Cell = { layer, y: 0, size: node ? BOX.height + GAP.y : 44, node, before: [], after: [] };
    (columns[layer] ??= []).push(cell);
    return cell;
  };
  for (const name of names) {
    const node = map.nodes.find((each) => each.name === name)!;
    cells.set(name, add(layers.get(name) ?? 0, node));
  }
  const routes = new Map<MapEdge, Cell[]>();
  for (const edge of forwards) {
    const from = cells.get(edge.parent)!;
    const to = cells.get(edge.child)!;
    const route = [from];
    for (let layer = from.layer + 1; layer < to.layer; layer++) route.push(add(layer));
    route.push(to);
    for (let index = 1; index < route.length; index++) {
      route[index - 1]!.after.push(route[index]!);
      route[index]!.before.push(route[index - 1]!);
    }
    routes.set(edge, route);
  }

  const place = (column: Cell[]) => {
    const total = column.reduce((sum, cell) => sum + cell.size, 0);
    let y = -total / 2;
    for (const cell of column) {
      cell.y = y + cell.size / 2;
      y += cell.size;
    }
  };
  for (let index = 0; index < columns.length; index++) columns[index] ??= [];
  columns.forEach(place);
  const mean = (near: Cell[], own: number) =>
    near.length ? near.reduce((sum, cell) => sum + cell.y, 0) / near.length : own;
  for (let pass = 0; pass < PASSES; pass++) {
    const down = pass % 2 === 0;
    for (const column of down ? columns : [...columns].reverse()) {
      const wanted = new Map(column.map((cell) => [cell, mean(down ? cell.before : cell.after, cell.y)]));
      column.sort((one, other) => wanted.get(one)! - wanted.get(other)!);
      place(column);
    }
  }
  // Nearer to their callers, where there is room.
  for (const column of columns) {
    for (let round = 0; round < 3; round++) {
      column.forEach((cell, index) => {
        const wanted = mean([...cell.before, ...cell.after], cell.y);
        const above = column[index - 1];
        const below = column[index + 1];
        const least = above ? above.y + (above.size + cell.size) / 2 : -Infinity;
        const most = below ? below.y - (below.size + cell.size) / 2 : Infinity;
        cell.y = Math.min(Math.max(wanted, least), most);
      });
    }
  }

  const all = columns.flat();
  const top = Math.min(...all.map((cell) => cell.y - BOX.height / 2), 0) - 30;
  const bottom = Math.max(...all.map((cell) => cell.y + BOX.height / 2), 0) + 30;
  const x = (layer: number) => 24 + layer * (BOX.width + GAP.x);
  const y = (cell: Cell) => cell.y - top;
  const leaves = ports(routes, (route) => [route[0]!, route[1]!.y]);
  const enters = ports(routes, (route) => [route.at(-1)!, route.at(-2)!.y]);
  const lines: Routed[] = [];
  for (const edge of edges) {
    const from = cells.get(edge.parent)!;
    const to = cells.get(edge.child)!;
    const route = routes.get(edge);
    if (route) {
      const points = route.map((cell, index): [number, number] => {
        if (index === 0) return [x(cell.layer) + BOX.width, y(cell) + leaves.get(edge)!];
        return [x(cell.layer), y(cell) + (cell === to ? enters.get(edge)! : 0)];
      });
      let path = `M${points[0]![0]},${points[0]![1]}`;
      for (let index = 1; index < points.length; index++) {
        const [x1, y1] = points[index - 1]!;
        const [x2, y2] = points[index]!;
        const begin = index > 1 ? x1 + BOX.width : x1;
        if (index > 1) path += `L${begin},${y1}`;
        const half = (x2 - begin) / 2;
        path += `C${begin + half},${y1} ${x2 - half},${y2} ${x2},${y2}`;
      }
      const [[ax, ay], [bx, by]] = [points[0]!, points[1]!];
      // A line that passes a layer has room of its own there; a short one has its label in the gap.
      const label = points.length > 2 ? { x: bx + BOX.width / 2, y: by } : { x: (ax + bx) / 2, y: (ay + by) / 2 };
      lines.push({ edge, path, ...label });
    } else if (from === to) {
      const middle = x(from.layer) + BOX.width / 2;
      const roof = y(from) - BOX.height / 2;
      lines.push({
        edge,
        path: `M${middle + 30},${roof}C${middle + 40},${roof - 34} ${middle - 40},${roof - 34} ${middle - 30},${roof}`,
        x: middle,
        y: roof - 26,
      });
    } else {
      const bow = Math.max(y(from), y(to)) + BOX.height / 2 + 26;
      const x1 = x(from.layer) + BOX.width / 2;
      const x2 = x(to.layer) + BOX.width / 2;
      lines.push({
        edge,
        path: `M${x1},${y(from) + BOX.height / 2}C${x1},${bow + 16} ${x2},${bow + 16} ${x2},${y(to) + BOX.height / 2}`,
        x: (x1 + x2) / 2,
        y: bow + 2,
      });
    }
  }
  spread(lines);
  const lowest = Math.max(bottom - top, ...lines.map((line) => line.y + LABEL));
  return {
    boxes: all
      .filter((cell) => cell.node)
      .map((cell) => ({ node: cell.node!, x: x(cell.layer), y: y(cell) - BOX.height / 2 })),
    lines,
    width: x(columns.length - 1) + BOX.width + 24,
    height: lowest,
  };
}

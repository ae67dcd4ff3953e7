// The picture of the service map.
import { useMemo } from "preact/hooks";
import type { MapEdge, MapNode, ServiceMap } from "../api";
import { colour } from "../colours";
import { duration, health, oneLine, rate, share } from "../format";
import { useSize } from "../loading";
import { Icon, type IconName } from "../parts/icons";
import { BOX, layoutOf } from "./layout";
import { nodeFigures } from "./picked";

const KINDS: Record<string, { icon: IconName; text: string }> = {
  service: { icon: "mesh", text: "service" },
  database: { icon: "database", text: "database" },
  external: { icon: "link", text: "sends no spans" },
  outside: { icon: "outside", text: "callers" },
};

/** How an edge is named in the address. */
export function edgeName(edge: MapEdge): string {
  return `${edge.parent} → ${edge.child}`;
}

interface Props {
  map: ServiceMap;
  picked: string;
  over: string;
  setOver: (name: string) => void;
  pick: (name: string) => void;
}

export function Chart({ map, picked, over, setOver, pick }: Props) {
  // Where things stand depends on who calls whom, not on figures: a refresh moves nothing.
  const shape = JSON.stringify([map.nodes, map.edges.map(edgeName)]);
  const layout = useMemo(() => layoutOf(map), [shape]);
  const now = new Map(map.edges.map((edge) => [edgeName(edge), edge]));
  const [attach, size] = useSize<HTMLDivElement>();
  const scale = Math.max(Math.min(size.width / layout.width, size.height / layout.height, 1.3), 0.7);
  const busiest = map.edges.reduce((most, edge) => Math.max(most, edge.rate), 0.001);
  const focus = over || picked;
  const isNear = (edge: MapEdge) => !focus || edgeName(edge) === focus || edge.parent === focus || edge.child === focus;
  const near = new Set(map.edges.filter(isNear).flatMap((edge) => [edge.parent, edge.child]));
  const hovering = (name: string) => ({ onPointerEnter: () => setOver(name), onPointerLeave: () => setOver("") });

  return (
    <div class="map-scroll" ref={attach} aria-label="Services and who calls whom" role="group">
      <div class="map-room" style={{ width: `${layout.width * scale}px`, height: `${layout.height * scale}px` }}>
        <div
          class="map"
          style={{ width: `${layout.width}px`, height: `${layout.height}px`, transform: `scale(${scale})` }}
        >
          <svg width={layout.width} height={layout.height} aria-hidden="true">
            <defs>
              {["good", "warn", "bad"].map((name) => (
                <marker
                  key={name}
                  id={`head-${name}`}
                  viewBox="0 0 8 8"
                  refX="7"
                  refY="4"
                  markerWidth="8"
                  markerHeight="8"
                  markerUnits="userSpaceOnUse"
                  orient="auto"
                >
                  <path d="M0 0 8 4 0 8z" class={`head ${name}`} />
                </marker>
              ))}
            </defs>
            {layout.lines.map((line) => {
              const edge = now.get(edgeName(line.edge)) ?? line.edge;
              const state = health(edge.errorShare);
              const width = 1.4 + 3 * Math.sqrt(edge.rate / busiest);
              return (
                <g key={edgeName(edge)} class={`line ${state} ${isNear(edge) ? "" : "away"}`}>
                  <path
                    class="line-hit"
                    d={line.path}
                    {...hovering(edgeName(edge))}
                    onClick={() => pick(edgeName(edge))}
                  />
                  <path class="line-drawn" d={line.path} stroke-width={width} marker-end={`url(#head-${state})`} />
                </g>
              );
            })}
          </svg>
          {layout.lines.map((line) => {
            const edge = now.get(edgeName(line.edge)) ?? line.edge;
            const name = edgeName(edge);
            const state = health(edge.errorShare);
            return (
              <button
                key={name}
                type="button"
                class={`line-label ${state} ${isNear(edge) ? "" : "away"} ${picked === name ? "chosen" : ""}`}
                style={{ left: `${line.x}px`, top: `${line.y}px` }}
                aria-pressed={picked === name}
                onClick={() => pick(name)}
                {...hovering(name)}
              >
                <span>
                  <span class="unseen">{name}: </span>
                  {rate(edge.rate)} {edge.errors > 0 && <b>{share(edge.errorShare)}</b>}
                  {edge.errors > 0 && <span class="unseen"> errors, </span>}
                </span>
                <span>p95 {duration(edge.p95)}</span>
              </button>
            );
          })}
          {layout.boxes.map(({ node, x, y }) => (
            <Box
              key={node.name}
              node={node}
              at={{ left: `${x}px`, top: `${y}px` }}
              map={map}
              away={!!focus && focus !== node.name && !near.has(node.name)}
              picked={picked === node.name}
              pick={pick}
              hovering={hovering(node.name)}
            />
          ))}
        </div>
      </div>
      <p class="map-legend" aria-hidden="true">
        Rate, 95th percentile and share of errors of the calls on each line. Red from 1% errors on.
      </p>
    </div>
  );
}

interface BoxProps {
  node: MapNode;
  at: { left: string; top: string };
  map: ServiceMap;
  away: boolean;
  picked: boolean;
  pick: (name: string) => void;
  hovering: object;
}

function Box(props: BoxProps) {
  const { node, map } = props;
  const found = nodeFigures(
    map.edges.filter((edge) => (node.kind === "outside" ? edge.parent : edge.child) === node.name),
  );
  const state = health(found.errorShare);
  const kind = KINDS[node.kind] ?? KINDS.service!;
  return (
    <button
      type="button"
      class={`box is-${node.kind} ${state} ${props.away ? "away" : ""} ${props.picked ? "chosen" : ""}`}
      style={{
        ...props.at,
        width: `${BOX.width}px`,
        height: `${BOX.height}px`,
        "--c": node.kind === "service" ? colour(node.name) : "var(--faint)",
      }}
      aria-pressed={props.picked}
      onClick={() => props.pick(node.name)}
      {...props.hovering}
    >
      <span class="box-name">
        <Icon name={kind.icon} size={14} />
        <span class="unseen">{kind.text} </span>
        <b title={oneLine(node.name, 300)}>{oneLine(node.name, 60)}</b>
        {found.errors > 0 && <em>{share(found.errorShare)}</em>}
        {found.errors > 0 && <span class="unseen"> errors</span>}
      </span>
      <span class="box-figures">
        {found.count === 0 ? (
          "no calls in"
        ) : (
          <>
            {rate(found.rate)} <i>·</i> p95 {duration(found.p95)}
          </>
        )}
      </span>
    </button>
  );
}

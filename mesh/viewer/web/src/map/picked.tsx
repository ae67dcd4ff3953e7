// What the map tells of a service or of a connection.
import type { MapEdge, ServiceMap } from "../api";
import { withParameters, type Parameters } from "../api";
import { count, duration, health, oneLine, rate, share } from "../format";
import { IconButton } from "../parts/controls";
import { Icon } from "../parts/icons";
import { searchRange, type Range } from "../parts/range";
import { edgeName } from "./chart";

/** Several edges as one; their p95 is at most the largest. */
export function nodeFigures(edges: MapEdge[]) {
  const sum = (of: (edge: MapEdge) => number) => edges.reduce((all, edge) => all + of(edge), 0);
  const calls = sum((edge) => edge.count);
  const errors = sum((edge) => edge.errors);
  const perSecond = sum((edge) => edge.rate);
  const p95 = edges.reduce((most, edge) => Math.max(most, edge.p95), 0);
  return { count: calls, errors, rate: perSecond, errorShare: calls ? errors / calls : 0, p95, text: rate(perSecond) };
}

function Figures({
  edges,
  title,
  named,
  pick,
}: {
  edges: MapEdge[];
  title: string;
  named: "parent" | "child";
  pick: (name: string) => void;
}) {
  if (!edges.length) return null;
  return (
    <section>
      <h3>{title}</h3>
      <table class="table picked-table">
        <thead>
          <tr>
            <th>{named === "parent" ? "Caller" : "Callee"}</th>
            <th class="number">Rate</th>
            <th class="number">p50</th>
            <th class="number">p95</th>
            <th class="number">Errors</th>
          </tr>
        </thead>
        <tbody>
          {[...edges]
            .sort((one, other) => other.rate - one.rate)
            .map((edge) => (
              <tr key={edgeName(edge)}>
                <td>
                  <button type="button" class="text-button plain" onClick={() => pick(edgeName(edge))}>
                    {oneLine(edge[named], 60)}
                  </button>
                </td>
                <td class="number">{rate(edge.rate)}</td>
                <td class="number">{duration(edge.p50)}</td>
                <td class="number">{duration(edge.p95)}</td>
                <td class={`number ${edge.errors ? `${health(edge.errorShare)}-text` : ""}`}>
                  {share(edge.errorShare)}
                </td>
              </tr>
            ))}
        </tbody>
      </table>
    </section>
  );
}

export function Picked(props: {
  map: ServiceMap;
  picked: string;
  range: Range;
  pick: (name: string) => void;
  close: () => void;
}) {
  const { map, picked } = props;
  const node = map.nodes.find((each) => each.name === picked);
  const edge = map.edges.find((each) => edgeName(each) === picked);
  if (!node && !edge) return null;
  const service = node
    ? node.kind === "service"
      ? node.name
      : ""
    : edge!.parent === "outside"
      ? edge!.child
      : edge!.parent;
  const peer = edge && map.nodes.find((each) => each.name === edge.child);
  const narrowed: Parameters =
    peer?.kind === "service" && edge?.parent !== "outside"
      ? { tags: `server.address=${peer.name}` }
      : peer?.kind === "database"
        ? { tags: "span.kind=client" }
        : {};
  const search = (more: Parameters) =>
    withParameters("/search", { service, ...narrowed, ...searchRange(props.range), ...more });
  const out = map.edges.filter((each) => each.parent === picked);
  const into = map.edges.filter((each) => each.child === picked);
  return (
    <aside class="picked" aria-label="Details">
      <header>
        <h2>{oneLine(picked, 120)}</h2>
        <span class="spacer" />
        {service && (
          <>
            <a class="button" href={search({})}>
              <Icon name="search" /> Traces
            </a>
            <a class="button" href={search({ errors: true })}>
              <Icon name="error" /> With errors
            </a>
            {node && (
              <a
                class="button"
                href={withParameters("/red", {
                  service,
                  range: props.range.fixed ? undefined : props.range.name,
                  start: props.range.fixed?.start,
                  end: props.range.fixed?.end,
                })}
              >
                <Icon name="chart" /> RED
              </a>
            )}
          </>
        )}
        <IconButton icon="close" label="Close (Esc)" onClick={props.close} />
      </header>
      {edge && (
        <dl class="facts">
          <div>
            <dt>Rate</dt>
            <dd>{rate(edge.rate)}</dd>
          </div>
          <div>
            <dt>Calls</dt>
            <dd>{count(edge.count)}</dd>
          </div>
          <div>
            <dt>Errors</dt>
            <dd class={edge.errors ? `${health(edge.errorShare)}-text` : ""}>
              {count(edge.errors)} ({share(edge.errorShare)})
            </dd>
          </div>
          <div>
            <dt>p50</dt>
            <dd>{duration(edge.p50)}</dd>
          </div>
          <div>
            <dt>p95</dt>
            <dd>{duration(edge.p95)}</dd>
          </div>
        </dl>
      )}
      {node && (
        <div class="picked-tables">
          <Figures title="Called by" edges={into} named="parent" pick={props.pick} />
          <Figures title="Calls" edges={out} named="child" pick={props.pick} />
        </div>
      )}
    </aside>
  );
}

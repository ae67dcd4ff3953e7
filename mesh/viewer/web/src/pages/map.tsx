import { useMemo, useState } from "preact/hooks";
import type { MapEdge, ServiceMap } from "../api";
import { useShortcuts } from "../keys";
import { useData } from "../loading";
import { change } from "../location";
import { Chart } from "../map/chart";
import { Picked, nodeFigures } from "../map/picked";
import { RangePicker, askedNow, readRange } from "../parts/range";
import { Busy, Empty, Failed, Loading, Stale } from "../parts/states";
import { health } from "../format";

export function MapPage({ query }: { query: URLSearchParams }) {
  const range = readRange(query);
  const key = range.fixed ? { start: range.fixed.start, end: range.fixed.end } : { lookback: range.name };
  const fresh = () => {
    const { start, end } = askedNow(range);
    return { start, end };
  };
  const found = useData<ServiceMap>("/api/map", key, { everyMs: range.everyMs, fresh });
  const withDatabases = query.get("databases") !== "false";
  const map = useMemo(
    () => found.data && (withDatabases ? found.data : withoutDatabases(found.data)),
    [found.data, withDatabases],
  );
  const chosen = query.get("pick") ?? "";
  const [over, setOver] = useState("");
  const pick = (name: string) => change({ pick: name === chosen ? undefined : name }, { replace: true });

  useShortcuts("Map", [
    {
      keys: "b",
      does: "Databases on or off",
      run: () => change({ databases: withDatabases ? "false" : undefined }, { replace: true }),
    },
    { keys: "Escape", does: "Close what is picked", run: () => change({ pick: undefined }, { replace: true }) },
    { keys: "r", does: "Load again", run: found.again },
  ]);

  return (
    <div class="page map-page">
      <Busy on={found.loading && !found.data} />
      <header class="page-head">
        <h1>Service map</h1>
        {map && <Sum edges={map.edges} />}
        <span class="spacer" />
        <label class="check">
          <input
            type="checkbox"
            checked={withDatabases}
            onChange={(event) =>
              change({ databases: event.currentTarget.checked ? undefined : "false" }, { replace: true })
            }
          />
          Databases
        </label>
        <RangePicker range={range} />
      </header>
      {found.error && found.data && <Stale error={found.error} again={found.again} />}
      {found.error && !found.data && <Failed error={found.error} again={found.again} />}
      {!found.error && !map && <Loading what="the map" />}
      {map?.nodes.length === 0 && (
        <Empty icon="map" title="No calls in this time">
          <p>Choose a longer time, or send a request through the edge.</p>
        </Empty>
      )}
      {map && map.nodes.length > 0 && (
        <div class="map-body">
          <Chart map={map} picked={chosen} over={over} setOver={setOver} pick={pick} />
          <Picked
            map={map}
            picked={chosen}
            range={range}
            pick={pick}
            close={() => change({ pick: undefined }, { replace: true })}
          />
        </div>
      )}
    </div>
  );
}

function withoutDatabases(map: ServiceMap): ServiceMap {
  const nodes = map.nodes.filter((node) => node.kind !== "database");
  const left = new Set(nodes.map((node) => node.name));
  return { ...map, nodes, edges: map.edges.filter((edge) => left.has(edge.child)) };
}

function Sum({ edges }: { edges: MapEdge[] }) {
  const failing = edges.filter((edge) => health(edge.errorShare) === "bad").length;
  const outside = nodeFigures(edges.filter((edge) => edge.parent === "outside"));
  return (
    <p class="page-sum" role="status">
      {outside.count > 0 && <span class="faint">{outside.text} from outside · </span>}
      {failing ? (
        <span class="bad-text">{failing === 1 ? "1 connection is failing" : `${failing} connections are failing`}</span>
      ) : (
        <span class="good-text">nothing is failing</span>
      )}
    </p>
  );
}

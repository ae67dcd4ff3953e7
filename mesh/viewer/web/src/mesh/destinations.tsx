// Where calls may go: instances, and how calls are split between versions.
import type { MeshDestination } from "../api";
import { oneLine } from "../format";
import { ServiceName } from "../parts/controls";

const STATES: Record<string, { name: string; sync: string }> = {
  SERVING: { name: "serving", sync: "current" },
  STARTING: { name: "starting", sync: "behind" },
  DRAINING: { name: "draining", sync: "behind" },
  UNHEALTHY: { name: "unhealthy", sync: "refused" },
};

function Split({ destination }: { destination: MeshDestination }) {
  const clusters = (destination.clusters ?? []).filter((each) => each.weight);
  const all = clusters.reduce((sum, each) => sum + (each.weight ?? 0), 0);
  if (clusters.length < 2) return null;
  return (
    <div class="split">
      <div class="split-bar" aria-hidden="true">
        {clusters.map((each, index) => (
          <i key={each.cluster} class={`part-${index % 4}`} style={{ flexGrow: each.weight ?? 0 }} />
        ))}
      </div>
      <ul>
        {clusters.map((each, index) => (
          <li key={each.cluster}>
            <i class={`part-${index % 4}`} aria-hidden="true" />
            <b>{Math.round(((each.weight ?? 0) / all) * 1_000) / 10}%</b>{" "}
            {oneLine((each.cluster ?? "").replace(/^.*@/, ""), 40)}
            <span class={each.endpoints ? "faint" : "bad-text"}> {each.endpoints ?? 0} serving</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

export function Destinations({ destinations }: { destinations: MeshDestination[] }) {
  if (!destinations.length) return <p class="panel-note">Nothing is published yet.</p>;
  return (
    <ul class="destinations">
      {destinations.map((destination) => (
        <li key={destination.service}>
          <div class="destination-head">
            <ServiceName service={destination.service ?? "?"} />
            <div class="chips">
              {(destination.instances ?? []).map((each) => {
                const state = STATES[each.state ?? ""] ?? { name: "unknown", sync: "behind" };
                return (
                  <span key={each.name} class={`chip sync ${state.sync}`} title={oneLine(each.address ?? "", 60)}>
                    {oneLine(each.name ?? "?", 60)} <span class="faint">{oneLine(each.label || "v1", 32)}</span>{" "}
                    {state.name}
                  </span>
                );
              })}
              {!destination.instances?.length && <span class="chip sync refused">no instance</span>}
            </div>
          </div>
          <Split destination={destination} />
        </li>
      ))}
    </ul>
  );
}

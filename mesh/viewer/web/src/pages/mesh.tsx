import type { ComponentChildren } from "preact";
import type { MeshState, Stats } from "../api";
import { oneLine, plural } from "../format";
import { useShortcuts } from "../keys";
import { useData } from "../loading";
import { Books } from "../mesh/books";
import { Destinations } from "../mesh/destinations";
import { Faults } from "../mesh/faults";
import { Policy } from "../mesh/policy";
import { Proxies, syncOf } from "../mesh/proxies";
import { Store } from "../mesh/store";
import { Traffic } from "../mesh/traffic";
import { Icon } from "../parts/icons";
import { Failed, Loading, Stale } from "../parts/states";

const EVERY_MS = 5_000;
/** The viewer's answer when it asks no control plane. */
const NOT_IMPLEMENTED = 501;

export function MeshPage() {
  const mesh = useData<MeshState>("/api/mesh", {}, { everyMs: EVERY_MS });
  const stats = useData<Stats>("/api/stats", {}, { everyMs: EVERY_MS });
  useShortcuts("Mesh", [{ keys: "r", does: "Load again", run: () => (mesh.again(), stats.again()) }]);
  const state = mesh.data;
  return (
    <div class="mesh-page page">
      <header class="page-head">
        <h1>Mesh</h1>
        {state && <Sync state={state} />}
      </header>
      {mesh.error && state && <Stale error={mesh.error} again={mesh.again} />}
      <div class="mesh-grid">
        {state ? <Wide state={state} /> : <Absent mesh={mesh} />}
        <div class="mesh-column">
          {state && (
            <Panel title="Destinations and splits">
              <Destinations destinations={state.snapshot?.destinations ?? []} />
            </Panel>
          )}
          <Panel title="Services, last 5 minutes">
            <Traffic everyMs={EVERY_MS} />
          </Panel>
        </div>
        <div class="mesh-column">
          {state && <Told state={state} />}
          <Panel title="Trace store">
            {stats.data ? (
              <Store stats={stats.data} />
            ) : stats.error ? (
              <Failed error={stats.error} again={stats.again} />
            ) : (
              <Loading what="figures" />
            )}
          </Panel>
        </div>
      </div>
    </div>
  );
}

function Panel(props: { title: string; wide?: boolean; count?: number; children: ComponentChildren }) {
  const id = props.title.toLowerCase().replace(/\W+/g, "-");
  return (
    <section class={props.wide ? "panel wide" : "panel"} aria-labelledby={id}>
      <h2 id={id}>
        {props.title} {props.count !== undefined && <span class="count">{props.count}</span>}
      </h2>
      {props.children}
    </section>
  );
}

function Sync({ state }: { state: MeshState }) {
  const proxies = state.proxies ?? [];
  const refused = proxies.filter((each) => syncOf(each) === "refused").length;
  const behind = proxies.filter((each) => syncOf(each) === "behind").length;
  const faults = state.faults?.length ?? 0;
  return (
    <p class="page-sum" role="status">
      {refused > 0 ? (
        <span class="bad-text">{refused === 1 ? "1 proxy refuses" : `${refused} proxies refuse`} what is in force</span>
      ) : behind > 0 ? (
        <span class="warn-text">{plural(behind, "proxy", "proxies")} not up to date yet</span>
      ) : (
        <span class="good-text">{plural(proxies.length, "proxy", "proxies")} in sync</span>
      )}
      {faults > 0 && <span class="warn-text"> · {plural(faults, "fault")} running</span>}
      {state.snapshot?.version && (
        <span class="faint">
          {" "}
          · snapshot <code>{oneLine(state.snapshot.version, 40)}</code>
        </span>
      )}
    </p>
  );
}

function Wide({ state }: { state: MeshState }) {
  const proxies = state.proxies ?? [];
  const faults = state.faults ?? [];
  return (
    <>
      {faults.length > 0 && (
        <Panel title="Running faults" wide count={faults.length}>
          <Faults faults={faults} />
        </Panel>
      )}
      <Panel title="Proxies" wide count={proxies.length}>
        <Proxies proxies={proxies} />
      </Panel>
    </>
  );
}

function Told({ state }: { state: MeshState }) {
  return (
    <>
      {state.policy && (
        <Panel title="Policy">
          <Policy document={state.policy.document ?? ""} />
        </Panel>
      )}
      {!state.faults?.length && (
        <Panel title="Running faults">
          <Faults faults={[]} />
        </Panel>
      )}
      {(state.orders || state.ledger) && (
        <Panel title="Orders and ledger">
          <Books orders={state.orders} ledger={state.ledger} />
        </Panel>
      )}
    </>
  );
}

function Absent({ mesh }: { mesh: ReturnType<typeof useData<MeshState>> }) {
  return (
    <Panel title="Control plane" wide>
      {!mesh.error ? (
        <Loading what="the mesh" />
      ) : mesh.error.status !== NOT_IMPLEMENTED ? (
        <Failed error={mesh.error} again={mesh.again} />
      ) : (
        <div class="mesh-empty">
          <div class="state-sign">
            <Icon name="mesh" size={22} />
          </div>
          <div>
            <h3>The viewer is not connected to the control plane</h3>
            <p>
              Proxies, policy, faults and splits show here when it is. Until then <code>mesh status</code> tells of the
              processes in the terminal; what the services do is known from their traces, below.
            </p>
          </div>
        </div>
      )}
    </Panel>
  );
}

// Who gets configuration from the control plane, and what each has accepted.
import type { MeshProxy, MeshProxyType } from "../api";
import { ago, oneLine } from "../format";
import { ServiceName } from "../parts/controls";
import { Icon } from "../parts/icons";

type Sync = "current" | "behind" | "refused";
const TEXT: Record<Sync, string> = { current: "in sync", behind: "waiting", refused: "refused" };

export function syncOf(proxy: MeshProxy): Sync {
  if (proxy.types?.some((each) => each.refusedVersion)) return "refused";
  return proxy.current ? "current" : "behind";
}

function typeSync(type: MeshProxyType): Sync {
  if (type.refusedVersion) return "refused";
  return type.acceptedVersion === type.sentVersion ? "current" : "behind";
}

const SIGN: Record<Sync, string> = { current: "✓", behind: "…", refused: "✕" };

function TypeChip({ type }: { type: MeshProxyType }) {
  const sync = typeSync(type);
  const versions = [
    `sent ${type.sentVersion || "nothing"}`,
    `accepted ${type.acceptedVersion || "nothing"}`,
    ...(type.refusedVersion ? [`refused ${type.refusedVersion}`] : []),
  ];
  return (
    <span class={`chip sync ${sync}`} title={versions.join(", ")}>
      {oneLine(type.type ?? "?", 30).toLowerCase()} <b>{type.resources ?? 0}</b>
      <span aria-hidden="true">{SIGN[sync]}</span>
      <span class="unseen">{TEXT[sync]}</span>
    </span>
  );
}

function since(time: string | undefined): string {
  const us = time ? Date.parse(time) * 1_000 : NaN;
  return Number.isFinite(us) ? ago(us) : "–";
}

export function Proxies({ proxies }: { proxies: MeshProxy[] }) {
  if (!proxies.length) return <p class="panel-note">Nobody is connected to the control plane.</p>;
  return (
    <table class="table proxies">
      <thead>
        <tr>
          <th>Proxy</th>
          <th>State</th>
          <th>Resources by type</th>
          <th>Software</th>
          <th>Connected</th>
          <th>Last heard</th>
        </tr>
      </thead>
      <tbody>
        {proxies.map((proxy) => {
          const sync = syncOf(proxy);
          const refusals = (proxy.types ?? []).filter((each) => each.refusedVersion);
          return (
            <>
              <tr key={proxy.node}>
                <td class="nowrap">
                  <ServiceName service={proxy.workload ?? "?"} />
                  {proxy.node !== proxy.workload && <span class="faint"> {oneLine(proxy.node ?? "?", 60)}</span>}
                </td>
                <td>
                  <span class={`chip sync ${sync}`}>{TEXT[sync]}</span>
                </td>
                <td>
                  <div class="chips">
                    {(proxy.types ?? []).map((type) => (
                      <TypeChip key={type.type} type={type} />
                    ))}
                  </div>
                </td>
                <td>{oneLine(proxy.agent || "–", 60)}</td>
                <td class="nowrap" title={oneLine(proxy.address || "address unknown", 60)}>
                  {since(proxy.connectTime)}
                </td>
                <td class="nowrap">{since(proxy.seenTime)}</td>
              </tr>
              {refusals.map((type) => (
                <tr key={`${proxy.node} ${type.type}`} class="refusal">
                  <td colSpan={6}>
                    <div class="banner bad">
                      <Icon name="error" />
                      <div>
                        <b>{oneLine(type.type ?? "?", 30)}</b> <code>{oneLine(type.refusedVersion ?? "", 40)}</code> was
                        refused
                        {type.acceptedVersion && (
                          <>
                            , <code>{oneLine(type.acceptedVersion, 40)}</code> stays in force
                          </>
                        )}
                        : {oneLine(type.refusedMessage || "no reason given", 500)}
                      </div>
                    </div>
                  </td>
                </tr>
              ))}
            </>
          );
        })}
      </tbody>
    </table>
  );
}

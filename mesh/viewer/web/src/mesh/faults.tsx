// What is broken on purpose, and until when.
import { useEffect, useState } from "preact/hooks";
import type { MeshFault } from "../api";
import { duration, oneLine, shortOperation } from "../format";
import { Icon } from "../parts/icons";

function delayText(delay: string): string {
  const found = Number(delay.replace(/s$/, ""));
  return Number.isFinite(found) ? duration(found * 1_000_000) : oneLine(delay, 20);
}

function what(fault: MeshFault): string {
  const parts = [];
  if (fault.delay) parts.push(`delayed by ${delayText(fault.delay)}`);
  if (fault.abort) parts.push(`answered ${oneLine(fault.abort, 40)}`);
  return parts.join(" and ") || "hit, but nothing happens to them";
}

function Left({ until }: { until: string | undefined }) {
  const [now, tick] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => tick(Date.now()), 1_000);
    return () => window.clearInterval(timer);
  }, []);
  if (!until) return <>until it is removed</>;
  const left = (Date.parse(until) - now) / 1_000;
  if (!Number.isFinite(left)) return <>until {oneLine(until, 40)}</>;
  return left > 0 ? <>ends in {duration(Math.round(left) * 1_000_000)}</> : <>ending</>;
}

export function Faults({ faults }: { faults: MeshFault[] }) {
  if (!faults.length) return <p class="panel-note">No fault runs.</p>;
  return (
    <ul class="faults">
      {faults.map((fault) => (
        <li key={fault.name} class="banner warn">
          <Icon name="error" />
          <div>
            <b>{oneLine(fault.name ?? "?", 40)}</b>
            <p>
              {fault.percent || "100"}% of the calls {fault.source ? <>of {oneLine(fault.source, 40)} </> : null}to{" "}
              {oneLine(fault.destination ?? "?", 40)}
              {fault.method && <> {oneLine(shortOperation(fault.method), 120)}</>}
              {fault.headers?.map((each) => (
                <>
                  {" "}
                  with <code>{oneLine(`${each.name}: ${each.value}`, 120)}</code>
                </>
              ))}{" "}
              are {what(fault)}.
            </p>
          </div>
          <span class="fault-left">
            <Left until={fault.endTime} />
          </span>
        </li>
      ))}
    </ul>
  );
}

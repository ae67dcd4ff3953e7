// What the services do, known from their spans.
import { useMemo } from "preact/hooks";
import { withParameters, type Red } from "../api";
import { duration, health, rate, share } from "../format";
import { useData } from "../loading";
import { ServiceName } from "../parts/controls";
import { Failed, Loading } from "../parts/states";

export function Traffic({ everyMs }: { everyMs: number }) {
  const fresh = () => {
    const end = Date.now() * 1_000;
    return { start: end - 300_000_000, end };
  };
  const found = useData<Red>("/api/red", { step: "5m" }, { everyMs, fresh });
  const red = found.data;
  const lines = useMemo(() => {
    const all = new Map<
      string,
      { service: string; count: number; errors: number; rate: number; p95: number; methods: number }
    >();
    for (const each of red?.series ?? []) {
      const line = all.get(each.service) ?? { service: each.service, count: 0, errors: 0, rate: 0, p95: 0, methods: 0 };
      line.count += each.total.count;
      line.errors += each.total.errors;
      line.rate += each.total.rate;
      line.p95 = Math.max(line.p95, each.total.p95);
      line.methods += 1;
      all.set(each.service, line);
    }
    return [...all.values()];
  }, [red]);
  if (!red) return found.error ? <Failed error={found.error} again={found.again} /> : <Loading what="figures" />;
  if (!lines.length) return <p class="panel-note">No service answered a call in the last 5 minutes.</p>;
  return (
    <table class="table">
      <thead>
        <tr>
          <th>Service</th>
          <th class="number">Methods</th>
          <th class="number">Rate</th>
          <th class="number" title="Of its slowest method">
            Slowest p95
          </th>
          <th class="number">Errors</th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line) => (
          <tr key={line.service}>
            <td>
              <a class="plain-link" href={withParameters("/red", { service: line.service, range: "5m" })}>
                <ServiceName service={line.service} />
              </a>
            </td>
            <td class="number">{line.methods}</td>
            <td class="number">{rate(line.rate)}</td>
            <td class="number">{duration(line.p95)}</td>
            <td class={`number ${line.errors ? `${health(line.errors / line.count)}-text` : ""}`}>
              {share(line.errors / line.count)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

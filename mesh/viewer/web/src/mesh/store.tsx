// How full the viewer's own store is.
import type { Stats } from "../api";
import { ago, bytes, count, plural, seconds, share } from "../format";

export function Store({ stats }: { stats: Stats }) {
  const full = stats.bytes / stats.maxBytes;
  const lost = (what: Record<string, number>) => Object.values(what).reduce((sum, each) => sum + each, 0);
  const dropped = lost(stats.dropped);
  const refused = lost(stats.refused);
  return (
    <div class="store">
      <dl class="store-big">
        <div>
          <dd>{count(stats.traces)}</dd>
          <dt>traces</dt>
        </div>
        <div>
          <dd>{count(stats.spans)}</dd>
          <dt>spans</dt>
        </div>
        <div>
          <dd>{count(stats.logs)}</dd>
          <dt>log lines</dt>
        </div>
      </dl>
      <div
        class="gauge"
        role="meter"
        aria-label="Store in use"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(full * 100)}
      >
        <i class={full > 0.9 ? "warn" : ""} style={{ width: `${Math.max(Math.min(full, 1) * 100, 0.5)}%` }} />
      </div>
      <p class="faint">
        {bytes(stats.bytes)} of {bytes(stats.maxBytes)}; kept for {seconds(stats.maxAgeS)} at most
        {stats.oldest !== null && `, oldest ${ago(stats.oldest)}`}
      </p>
      <dl class="store-facts">
        <div>
          <dt>Received</dt>
          <dd>
            {plural(stats.received.spans ?? 0, "span")}, {plural(stats.received.logs ?? 0, "log line")}
          </dd>
        </div>
        <div>
          <dt>Kept of ordinary traces</dt>
          <dd>{share(stats.sampleShare)}; of erroneous and slow ones all</dd>
        </div>
        <div>
          <dt>Dropped by overload</dt>
          <dd class={dropped ? "bad-text" : ""}>{count(dropped)}</dd>
        </div>
        <div>
          <dt>Refused as invalid</dt>
          <dd class={refused ? "bad-text" : ""}>{count(refused)}</dd>
        </div>
      </dl>
    </div>
  );
}

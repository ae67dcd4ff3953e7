import type { Summary } from "../api";
import { colour } from "../colours";
import { ago, clock, day, duration, oneLine, plural, shortOperation } from "../format";
import { ServiceDot } from "../parts/controls";
import { Icon } from "../parts/icons";

/** A trace in the list of results. */
export function Card({ summary, longest, fresh }: { summary: Summary; longest: number; fresh: boolean }) {
  const bad = summary.errorCount > 0;
  return (
    <li class={`card ${bad ? "bad" : ""} ${fresh ? "fresh" : ""}`}>
      <a class="card-link" href={`/trace/${summary.traceID}`} data-trace={summary.traceID}>
        <div class="card-head">
          <span class="card-name">
            <span class="card-service">{oneLine(summary.rootService, 60)}</span>
            <span class="card-operation">{oneLine(shortOperation(summary.rootOperation), 200)}</span>
          </span>
          <code class="faint">{summary.traceID.slice(0, 7)}</code>
          <span class="card-duration">{duration(summary.duration)}</span>
        </div>
        <div class="card-bar" aria-hidden="true">
          <div
            style={{
              width: `${Math.max((summary.duration / longest) * 100, 0.4)}%`,
              background: bad ? "var(--bad)" : colour(summary.rootService),
            }}
          />
        </div>
        <div class="card-foot">
          <span class="chip strong">{plural(summary.spanCount, "span")}</span>
          {bad && (
            <span class="chip error">
              <Icon name="error" size={12} /> {plural(summary.errorCount, "error")}
            </span>
          )}
          {summary.services.map((each) => (
            <span
              key={each.name}
              class={each.errors ? "chip error-edge" : "chip"}
              title={`${each.name}: ${plural(each.spans, "span")}, ${plural(each.errors, "error")}`}
            >
              <ServiceDot service={each.name} />
              {oneLine(each.name, 40)} <b>{each.spans}</b>
              {each.errors > 0 && <Icon name="error" size={11} />}
            </span>
          ))}
          <time class="card-time" title={`${day(summary.startTime)} ${clock(summary.startTime, "us")}`}>
            {clock(summary.startTime)} <span class="faint">{ago(summary.startTime)}</span>
          </time>
        </div>
      </a>
    </li>
  );
}

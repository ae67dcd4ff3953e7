// What a trace is, in a few lines.
import { clock, day, duration, oneLine, plural, shortOperation } from "../format";
import { CopyButton, IconButton, ServiceDot } from "../parts/controls";
import { Icon } from "../parts/icons";
import type { Model } from "./model";

export function Head({ model, again, nextError }: { model: Model; again: () => void; nextError: () => void }) {
  const root = model.roots[0];
  return (
    <header class="trace-head">
      <div class="trace-title">
        <h1>
          <span class="card-service">{oneLine(root?.service ?? "", 60)}</span>
          {oneLine(shortOperation(root?.span.operationName ?? "no spans"), 200)}
        </h1>
        <div class="trace-actions">
          <IconButton icon="refresh" label="Load again (r)" onClick={again} />
          <a class="button" href={`/api/traces/${model.traceID}/otlp`} download title="Download as OTLP JSON">
            <Icon name="download" /> OTLP
          </a>
          <a
            class="button"
            href={`/api/traces/${model.traceID}/perfetto`}
            download
            title="Download for ui.perfetto.dev or chrome://tracing"
          >
            <Icon name="download" /> Perfetto
          </a>
        </div>
      </div>
      <div class="trace-summary">
        <dl class="trace-facts">
          <div class="big">
            <dt>Duration</dt>
            <dd>{duration(model.duration)}</dd>
          </div>
          <div>
            <dt>Began</dt>
            <dd>
              {clock(model.start, "us")} <span class="faint">{day(model.start)}</span>
            </dd>
          </div>
          <div>
            <dt>Spans</dt>
            <dd>{model.nodes.length}</dd>
          </div>
          <div>
            <dt>Depth</dt>
            <dd>{model.depth}</dd>
          </div>
          <div>
            <dt>Errors</dt>
            <dd>
              {model.errors ? (
                <button type="button" class="text-button bad-text" title="Next error (e)" onClick={nextError}>
                  {model.errors}
                </button>
              ) : (
                "0"
              )}
            </dd>
          </div>
          <div>
            <dt>Trace id</dt>
            <dd>
              <code>{model.traceID}</code> <CopyButton text={model.traceID} label="Copy the trace id" />
            </dd>
          </div>
        </dl>
        <div class="legend" role="group" aria-label="Services">
          {model.services.map((each) => (
            <span
              key={each.name}
              class={each.errors ? "chip error-edge" : "chip"}
              title={`${plural(each.spans, "span")}, ${plural(each.errors, "error")}`}
            >
              <ServiceDot service={each.name} /> {oneLine(each.name, 40)} <b>{each.spans}</b>
            </span>
          ))}
        </div>
      </div>
      {model.warnings.map((warning, index) => (
        <div key={index} class="banner warn">
          <Icon name="error" /> <div>{oneLine(warning, 400)}</div>
        </div>
      ))}
    </header>
  );
}

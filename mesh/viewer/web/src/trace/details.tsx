// All there is to know of a span.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { LogLine, Process, SpanEvent } from "../api";
import { colour } from "../colours";
import { clock, duration, oneLine, plural, shortOperation } from "../format";
import { CopyButton, IconButton, ServiceName } from "../parts/controls";
import { Icon } from "../parts/icons";
import { tag, type Model, type Node } from "./model";
import { Attributes, Value } from "./values";

/** Shown in the facts above. */
const TOLD = new Set(["span.kind", "error", "otel.status_code", "otel.status_description"]);

function Section(props: { title: string; count?: number; open?: boolean; children: ComponentChildren }) {
  return (
    <details class="section" open={props.open ?? true}>
      <summary>
        <Icon name="chevron" size={12} />
        {props.title}
        {props.count !== undefined && <span class="count">{props.count}</span>}
      </summary>
      <div class="section-body">{props.children}</div>
    </details>
  );
}

function EventItem({ event, node }: { event: SpanEvent; node: Node }) {
  const name = String(tag(event.fields, "event") ?? "event");
  const rest = event.fields.filter((each) => each.key !== "event");
  return (
    <li class={name === "exception" ? "event-item bad" : "event-item"}>
      <div class="event-head">
        <b>{oneLine(name, 120)}</b>
        <span class="faint" title="From the span's start">
          +{duration(event.timestamp - node.span.startTime)}
        </span>
      </div>
      {rest.length > 0 && <Attributes tags={rest} />}
    </li>
  );
}

function Links({ node, model, select }: { node: Node; model: Model; select: (node: Node) => void }) {
  return (
    <ul class="plain-list">
      {node.links.map((link, index) => {
        const near = link.traceID === model.traceID ? model.byId.get(link.spanID) : undefined;
        return (
          <li key={index}>
            {near ? (
              <button type="button" class="text-button" onClick={() => select(near)}>
                <ServiceName service={near.service} /> {oneLine(near.span.operationName, 80)}
              </button>
            ) : (
              <a href={`/trace/${link.traceID}?span=${link.spanID}`}>
                Trace <code>{link.traceID.slice(0, 12)}…</code> span <code>{link.spanID}</code>
              </a>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function GapFacts({ node }: { node: Node }) {
  if (!node.gap) return null;
  const { request, response, serverStart, serverEnd } = node.gap;
  const waiting = node.gap.request + node.gap.response;
  const skewed = request < 0 || response < 0;
  return (
    <div class="gap-facts">
      <h3>Network and queue</h3>
      <div class="gap-bar" aria-hidden="true">
        <i class="hatched" style={{ flexGrow: Math.max(request, 0) }} />
        <i
          style={{
            flexGrow: Math.max(serverEnd - serverStart, 0),
            background: colour(node.children[0]?.service ?? node.service),
          }}
        />
        <i class="hatched" style={{ flexGrow: Math.max(response, 0) }} />
      </div>
      <p>
        <b>{duration(waiting)}</b> of {duration(node.span.duration)} outside of the server: {duration(request)} out,{" "}
        {duration(response)} back.
        {skewed && " The two clocks differ, so neither part is exact."}
      </p>
    </div>
  );
}

export function Details(props: {
  node: Node;
  model: Model;
  process: Process | undefined;
  logs: LogLine[];
  close: () => void;
  select: (node: Node) => void;
}) {
  const { node, model } = props;
  const { span } = node;
  const status = String(tag(span.tags, "otel.status_code") ?? (node.error ? "ERROR" : "Unset"));
  const description = String(tag(span.tags, "otel.status_description") ?? "");
  const attributes = span.tags.filter((each) => !TOLD.has(each.key));
  const scroller = useRef<HTMLElement>(null);
  useEffect(() => {
    if (scroller.current) scroller.current.scrollTop = 0;
  }, [node]);
  const share = model.critical.get(node)?.reduce((sum, each) => sum + each.end - each.start, 0) ?? 0;

  return (
    <aside class="details" aria-label="Span details" ref={scroller}>
      <header style={{ "--c": colour(node.service) }}>
        <div class="details-title">
          <ServiceName service={node.service} />
          <h2 title={oneLine(span.operationName, 400)}>{oneLine(shortOperation(span.operationName), 400)}</h2>
        </div>
        <IconButton icon="close" label="Close details (Esc)" onClick={props.close} />
      </header>
      {node.error && (
        <div class="banner bad" role="note">
          <Icon name="error" />
          <div>
            <b>Error</b> {description && <Value value={description} />}
          </div>
        </div>
      )}
      {span.warnings?.map((warning, index) => (
        <div key={index} class="banner warn">
          <Icon name="error" />
          <div>{oneLine(warning, 400)}</div>
        </div>
      ))}
      <dl class="facts">
        <div>
          <dt>Duration</dt>
          <dd>{duration(span.duration)}</dd>
        </div>
        <div>
          <dt>In itself</dt>
          <dd title="Time in none of its children">{duration(node.own)}</dd>
        </div>
        <div>
          <dt>Starts at</dt>
          <dd title={clock(span.startTime, "us")}>+{duration(node.start)}</dd>
        </div>
        <div>
          <dt>Kind</dt>
          <dd>{node.kind}</dd>
        </div>
        <div>
          <dt>Status</dt>
          <dd class={node.error ? "bad-text" : ""}>{status}</dd>
        </div>
        <div>
          <dt>On critical path</dt>
          <dd>{share > 0 ? `${duration(share)} (${Math.round((share / model.duration) * 100)}%)` : "no"}</dd>
        </div>
        <div class="wide">
          <dt>Span id</dt>
          <dd>
            <code>{span.spanID}</code> <CopyButton text={span.spanID} label="Copy the span id" />
          </dd>
        </div>
      </dl>
      <GapFacts node={node} />
      <Section title="Attributes" count={attributes.length}>
        {attributes.length ? <Attributes tags={attributes} search /> : <p class="faint">None</p>}
      </Section>
      {span.logs.length > 0 && (
        <Section title="Events" count={span.logs.length}>
          <ol class="plain-list">
            {span.logs.slice(0, 200).map((event, index) => (
              <EventItem key={index} event={event} node={node} />
            ))}
          </ol>
          {span.logs.length > 200 && <p class="faint">and {plural(span.logs.length - 200, "more event")}</p>}
        </Section>
      )}
      {node.links.length > 0 && (
        <Section title="Links" count={node.links.length}>
          <Links node={node} model={model} select={props.select} />
        </Section>
      )}
      {props.logs.length > 0 && (
        <Section title="Log lines" count={props.logs.length}>
          <ol class="plain-list">
            {props.logs.map((line, index) => (
              <li key={index} class="event-item">
                <div class="event-head">
                  <span class={`severity ${severityClass(line)}`}>{oneLine(line.severity, 12)}</span>
                  <b>{oneLine(line.body, 200)}</b>
                  <span class="faint">+{duration(line.time - model.start)}</span>
                </div>
                {line.attributes.length > 0 && <Attributes tags={line.attributes} />}
              </li>
            ))}
          </ol>
        </Section>
      )}
      <Section title="Process" count={props.process?.tags.length ?? 0} open={false}>
        <Attributes
          tags={[{ key: "service.name", type: "string", value: node.service }, ...(props.process?.tags ?? [])]}
        />
      </Section>
    </aside>
  );
}

export function severityClass(line: LogLine): string {
  if (line.severityNumber >= 17) return "error";
  if (line.severityNumber >= 13) return "warn";
  return line.severityNumber >= 9 ? "info" : "debug";
}

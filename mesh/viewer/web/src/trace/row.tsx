// One span of the waterfall.
import { colour } from "../colours";
import { duration, oneLine, shortOperation } from "../format";
import { Icon } from "../parts/icons";
import { memo } from "./memo";
import type { Node, Segment } from "./model";

/** Height of a row, in pixels. */
export const ROW = 28;

interface RowProps {
  node: Node;
  at: number;
  from: number;
  range: number;
  collapsed: boolean;
  current: boolean;
  open: boolean;
  match: "yes" | "no" | undefined;
  critical: Segment[] | undefined;
  select: (node: Node, open: boolean) => void;
  toggle: (node: Node) => void;
}

export const Row = memo(function Row(props: RowProps) {
  const { node, from, range } = props;
  const x = (time: number) => ((time - from) / range) * 100;
  const left = Math.max(x(node.start), 0);
  const right = Math.min(x(node.end), 100);
  const away = x(node.end) < 0 ? "before" : x(node.start) > 100 ? "after" : undefined;
  const width = Math.max(right - left, 0);
  const shownError = node.error || (props.collapsed && node.errorsBelow > 0);
  const same = node.parent?.service === node.service;
  const name = shortOperation(node.span.operationName);
  const classes = ["span-row"];
  if (props.current) classes.push("current");
  if (props.open) classes.push("open");
  if (shownError) classes.push("bad");
  if (props.match) classes.push(props.match === "yes" ? "match" : "no-match");

  return (
    <div
      id={`row-${node.index}`}
      class={classes.join(" ")}
      role="row"
      aria-rowindex={props.at + 1}
      aria-level={node.depth + 1}
      aria-expanded={node.children.length ? !props.collapsed : undefined}
      aria-selected={props.current}
      data-span={node.span.spanID}
      style={{ top: `${props.at * ROW}px` }}
      onClick={() => props.select(node, true)}
    >
      <div class="span-name" role="gridcell" style={{ "--depth": node.depth, "--c": colour(node.service) }}>
        <span class="guides" aria-hidden="true" />
        {node.children.length ? (
          <button
            type="button"
            class={props.collapsed ? "twist" : "twist down"}
            tabIndex={-1}
            aria-label={props.collapsed ? "Expand" : "Collapse"}
            onClick={(event) => {
              event.stopPropagation();
              props.toggle(node);
            }}
          >
            <Icon name="chevron" size={12} />
          </button>
        ) : (
          <span class="twist" />
        )}
        <span class="stripe" aria-hidden="true" />
        {shownError && (
          <span class="span-error" title={node.error ? "Error" : "Errors below"}>
            <Icon name="error" size={13} />
            <span class="unseen">error</span>
          </span>
        )}
        {!same && <b>{oneLine(node.service, 60)}</b>}
        <span class="operation" title={oneLine(node.span.operationName, 400)}>
          {oneLine(name, 160)}
        </span>
        {node.orphan && (
          <span class="tagged" title="Its parent is not in the store">
            orphan
          </span>
        )}
        {props.collapsed && <span class="tagged">+{node.below}</span>}
        {node.links.length > 0 && (
          <span class="linked" title="Has links to other spans">
            <Icon name="link" size={12} />
          </span>
        )}
      </div>
      <div
        class="span-line"
        role="gridcell"
        aria-label={`${duration(node.span.duration)}, from ${duration(node.start)}`}
      >
        {away ? (
          <span class={`away ${away}`} aria-hidden="true">
            {away === "before" ? "◂" : "▸"}
          </span>
        ) : (
          <>
            <div
              class={`bar ${node.error ? "bad" : ""} ${node.database ? "database" : ""}`}
              style={{ left: `${left}%`, width: `${width}%`, background: colour(node.service) }}
            />
            {node.gap && <Gaps node={node} x={x} />}
            {props.critical?.map((segment) => {
              const begin = Math.max(x(segment.start), 0);
              const end = Math.min(x(segment.end), 100);
              return end > begin ? (
                <div key={segment.start} class="critical" style={{ left: `${begin}%`, width: `${end - begin}%` }} />
              ) : null;
            })}
            {node.span.logs.slice(0, 200).map((event, index) => {
              const at = x(event.timestamp - node.span.startTime + node.start);
              const bad = event.fields.some((each) => each.key === "event" && each.value === "exception");
              return at >= 0 && at <= 100 ? (
                <i key={index} class={bad ? "event bad" : "event"} style={{ left: `${at}%` }} />
              ) : null;
            })}
            <Label
              left={left}
              right={right}
              inside={node.gap ? Math.min(x(node.gap.serverEnd), right) : right}
              text={duration(node.span.duration)}
            />
          </>
        )}
      </div>
    </div>
  );
});

function Label({ left, right, inside, text }: { left: number; right: number; inside: number; text: string }) {
  if (right < 90)
    return (
      <span class="bar-label" style={{ left: `${right}%` }}>
        {text}
      </span>
    );
  if (left > 10)
    return (
      <span class="bar-label before" style={{ right: `${100 - left}%` }}>
        {text}
      </span>
    );
  return (
    <span class="bar-label inside" style={{ right: `${100 - inside}%` }}>
      {text}
    </span>
  );
}

/** Where a client waits, but its server does not work yet or any more. */
function Gaps({ node, x }: { node: Node; x: (time: number) => number }) {
  if (!node.gap) return null;
  const pieces: [number, number, string][] = [
    [node.start, Math.min(node.gap.serverStart, node.end), `Network and queue, out: ${duration(node.gap.request)}`],
    [Math.max(node.gap.serverEnd, node.start), node.end, `Network and queue, back: ${duration(node.gap.response)}`],
  ];
  return (
    <>
      {pieces.map(([start, end, title]) => {
        const left = Math.max(x(start), 0);
        const width = Math.min(x(end), 100) - left;
        return width > 0 ? (
          <div key={title} class="gap" title={title} style={{ left: `${left}%`, width: `${width}%` }} />
        ) : null;
      })}
    </>
  );
}

// What one does with a trace: another view, find, zoom, collapse.
import type { RefObject } from "preact";
import { IconButton, Segments } from "../parts/controls";
import { Icon } from "../parts/icons";
import type { Node } from "./model";

export type Tab = "waterfall" | "logs" | "operations";

export interface ToolsProps {
  tab: Tab;
  setTab: (tab: Tab) => void;
  /** How many log lines there are, once known. */
  lines: number | undefined;
  findBox: RefObject<HTMLInputElement | null>;
  text: string;
  find: (text: string) => void;
  /** Undefined when nothing is looked for. */
  matches: Node[] | undefined;
  cursor: Node | undefined;
  next: (by: 1 | -1) => void;
  /** Undefined when everything is seen. */
  resetZoom: (() => void) | undefined;
  critical: boolean;
  toggleCritical: () => void;
  collapsed: boolean;
  toggleAll: () => void;
}

export function Tools(props: ToolsProps) {
  const { matches, cursor } = props;
  const position = matches && cursor ? matches.indexOf(cursor) + 1 : 0;
  return (
    <div class="trace-tools">
      <Segments
        label="View"
        value={props.tab}
        onChange={props.setTab}
        options={[
          ["waterfall", "Waterfall"],
          ["logs", <>Logs {props.lines !== undefined && <span class="count">{props.lines}</span>}</>],
          ["operations", "Operations"],
        ]}
      />
      {props.tab === "waterfall" && (
        <>
          <div class="find">
            <Icon name="search" size={14} />
            <input
              ref={props.findBox}
              type="search"
              placeholder="Find in trace …"
              aria-label="Find in trace"
              value={props.text}
              onInput={(event) => props.find(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key !== "Enter") return;
                event.preventDefault();
                props.next(event.shiftKey ? -1 : 1);
              }}
            />
            {matches && (
              <span class={matches.length ? "find-count" : "find-count bad-text"} role="status">
                {matches.length ? `${position || "–"}/${matches.length}` : "none"}
              </span>
            )}
            <IconButton
              icon="up"
              label="Previous match (N)"
              disabled={!matches?.length}
              onClick={() => props.next(-1)}
            />
            <IconButton icon="down" label="Next match (n)" disabled={!matches?.length} onClick={() => props.next(1)} />
          </div>
          <span class="spacer" />
          {props.resetZoom && (
            <button type="button" class="button" onClick={props.resetZoom}>
              <Icon name="zoom" /> Reset zoom
            </button>
          )}
          <button
            type="button"
            class="button toggle"
            aria-pressed={props.critical}
            title="Critical path (c)"
            onClick={props.toggleCritical}
          >
            <span class="critical-sign" aria-hidden="true" /> Critical path
          </button>
          <button type="button" class="button" title="[ collapses, ] expands" onClick={props.toggleAll}>
            {props.collapsed ? "Expand all" : "Collapse all"}
          </button>
        </>
      )}
    </div>
  );
}

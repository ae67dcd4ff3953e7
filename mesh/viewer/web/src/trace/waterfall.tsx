// The waterfall. Only the rows in sight exist, so that thousands of spans scroll smoothly.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { duration, ticks } from "../format";
import type { View } from "./minimap";
import type { Model, Node } from "./model";
import { ROW, Row } from "./row";

const SPARE = 12;
const LEAST_NAMES = 200;

export interface WaterfallProps {
  model: Model;
  rows: Node[];
  view: View;
  collapsed: ReadonlySet<Node>;
  cursor: Node | undefined;
  open: boolean;
  found: ReadonlySet<Node> | undefined;
  critical: boolean;
  /** Counts up when the cursor shall be scrolled to. */
  reveal: number;
  select: (node: Node, open: boolean) => void;
  toggle: (node: Node) => void;
  onKey: (event: KeyboardEvent) => void;
  zoom: (view: View | undefined) => void;
}

export function Waterfall(props: WaterfallProps) {
  const { model, rows, view, cursor } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const area = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [names, setNames] = useState(() => Math.round(Math.min(Math.max(window.innerWidth * 0.3, 280), 480)));
  const [hover, setHover] = useState<number>();
  const [bar, setBar] = useState(0);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const measure = () => {
      setHeight(element.clientHeight);
      setBar(element.offsetWidth - element.clientWidth);
    };
    const watcher = new ResizeObserver(measure);
    watcher.observe(element);
    measure();
    return () => watcher.disconnect();
  }, []);

  useEffect(() => {
    const element = scroller.current;
    if (!element || !cursor || !props.reveal) return;
    const index = rows.indexOf(cursor);
    if (index < 0) return;
    const y = index * ROW;
    if (y < element.scrollTop) element.scrollTop = Math.max(y - ROW * 2, 0);
    else if (y + ROW > element.scrollTop + element.clientHeight) {
      element.scrollTop = y - element.clientHeight + ROW * 3;
    }
  }, [props.reveal]);

  const first = Math.max(Math.floor(top / ROW) - SPARE, 0);
  const last = Math.min(Math.ceil((top + height) / ROW) + SPARE, rows.length);
  const range = view[1] - view[0];
  const marks = ticks(view[0], view[1], 6);
  const percent = (time: number) => ((time - view[0]) / range) * 100;
  const indent = Math.max(Math.min(16, (names * 0.4) / Math.max(model.depth, 1)), 2);
  const cursorIndex = cursor ? rows.indexOf(cursor) : -1;

  const dragNames = (event: PointerEvent) => {
    const element = event.currentTarget as HTMLElement;
    const from = event.clientX - names;
    const move = (moved: PointerEvent) =>
      setNames(Math.min(Math.max(moved.clientX - from, LEAST_NAMES), window.innerWidth * 0.6));
    const end = () => {
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", end);
      element.removeEventListener("pointercancel", end);
    };
    element.setPointerCapture(event.pointerId);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", end);
    element.addEventListener("pointercancel", end);
  };
  const wheel = (event: WheelEvent) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = area.current?.getBoundingClientRect();
    if (!box) return;
    const center = view[0] + Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * range;
    const factor = Math.exp(event.deltaY * 0.003);
    props.zoom([center - (center - view[0]) * factor, center + (view[1] - center) * factor]);
  };

  return (
    <div class="waterfall" style={{ "--names": `${names}px`, "--indent": `${indent}px`, "--scroll-bar": `${bar}px` }}>
      <div class="waterfall-head">
        <div class="names-head">Service and operation</div>
        <div
          class="names-handle"
          role="separator"
          aria-orientation="vertical"
          aria-label="Width of the names"
          aria-valuenow={names}
          tabIndex={0}
          onPointerDown={dragNames}
          onKeyDown={(event) => {
            const by = { ArrowLeft: -20, ArrowRight: 20 }[event.key];
            if (!by) return;
            event.preventDefault();
            event.stopPropagation();
            setNames(Math.max(names + by, LEAST_NAMES));
          }}
        />
        <div
          class="ruler"
          ref={area}
          onPointerMove={(event) => setHover(event.clientX - event.currentTarget.getBoundingClientRect().left)}
          onPointerLeave={() => setHover(undefined)}
        >
          {marks.map((time) => (
            <span key={time} class={percent(time) > 93 ? "last" : ""} style={{ left: `${percent(time)}%` }}>
              {time === 0 ? "0" : duration(time)}
            </span>
          ))}
        </div>
      </div>
      <div
        class="rows"
        ref={scroller}
        tabIndex={0}
        role="treegrid"
        aria-label="Spans"
        aria-rowcount={rows.length}
        aria-activedescendant={cursorIndex >= first && cursorIndex < last ? `row-${cursor?.index}` : undefined}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onKeyDown={props.onKey}
        onWheel={wheel}
        onPointerMove={(event) => {
          const box = area.current?.getBoundingClientRect();
          const x = box ? event.clientX - box.left : -1;
          setHover(box && x >= 0 && x <= box.width ? x : undefined);
        }}
        onPointerLeave={() => setHover(undefined)}
      >
        <div class="rows-inside" style={{ height: `${rows.length * ROW}px` }}>
          <div class="grid-lines" aria-hidden="true">
            {marks.map((time) => (
              <i key={time} style={{ left: `${percent(time)}%` }} />
            ))}
          </div>
          {rows.slice(first, last).map((node, index) => (
            <Row
              key={node.index}
              node={node}
              at={first + index}
              from={view[0]}
              range={range}
              collapsed={props.collapsed.has(node)}
              current={node === cursor}
              open={node === cursor && props.open}
              match={props.found ? (props.found.has(node) ? "yes" : "no") : undefined}
              critical={props.critical ? props.model.critical.get(node) : undefined}
              select={props.select}
              toggle={props.toggle}
            />
          ))}
        </div>
      </div>
      {hover !== undefined && area.current && (
        <div class="cursor-line" style={{ left: `${names + 1 + hover}px` }} aria-hidden="true">
          <span class={hover > area.current.clientWidth - 70 ? "left" : ""}>
            {duration(view[0] + (hover / area.current.clientWidth) * range)}
          </span>
        </div>
      )}
    </div>
  );
}

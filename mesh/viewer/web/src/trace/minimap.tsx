// The whole trace at a glance; a drag chooses what the waterfall shows.
import { useEffect, useRef, useState } from "preact/hooks";
import { colour } from "../colours";
import { duration, ticks } from "../format";
import { useWidth } from "../loading";
import type { Model } from "./model";

const HEIGHT = 68;
const RULER = 18;

export type View = readonly [from: number, to: number];

function draw(canvas: HTMLCanvasElement, width: number, model: Model): void {
  const scale = window.devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = HEIGHT * scale;
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(scale, scale);
  context.clearRect(0, 0, width, HEIGHT);
  const style = getComputedStyle(canvas);
  const resolved = new Map<string, string>();
  const paint = (name: string) => {
    let found = resolved.get(name);
    if (!found) {
      found = style.getPropertyValue(name.slice(4, -1)).trim();
      resolved.set(name, found);
    }
    return found;
  };
  const room = HEIGHT - RULER - 4;
  const row = Math.min(room / model.nodes.length, 7);
  const thick = Math.max(row * 0.72, 1);
  // Errors last, so that many rows on one pixel do not hide them.
  for (const errors of [false, true]) {
    model.nodes.forEach((node, index) => {
      if (node.error !== errors) return;
      context.fillStyle = paint(errors ? "var(--bad)" : colour(node.service));
      const x = (node.start / model.duration) * width;
      context.fillRect(
        x,
        RULER + 2 + index * row,
        Math.max(((node.end - node.start) / model.duration) * width, 1),
        thick,
      );
    });
  }
}

export function Minimap(props: { model: Model; view: View; zoom: (view: View | undefined) => void }) {
  const { model, view } = props;
  const [attach, width] = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number; edge?: 0 | 1 }>();

  useEffect(() => {
    const redraw = () => canvas.current && draw(canvas.current, width, model);
    redraw();
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", redraw);
    const watcher = new MutationObserver(redraw);
    watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => {
      scheme.removeEventListener("change", redraw);
      watcher.disconnect();
    };
  }, [model, width]);

  const at = (event: PointerEvent) => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    return Math.min(Math.max((event.clientX - left) / width, 0), 1) * model.duration;
  };
  const percent = (time: number) => `${(time / model.duration) * 100}%`;
  const shown: View = drag ? [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)] : view;
  const zoomed = shown[0] > 0 || shown[1] < model.duration;
  const near = 6 * (model.duration / width);

  return (
    <div
      class="minimap"
      ref={(element) => {
        box.current = element;
        attach(element);
      }}
      title="Drag to zoom, double-click to see everything"
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        const time = at(event);
        const narrowed = view[0] > 0 || view[1] < model.duration;
        if (narrowed && Math.abs(time - view[0]) < near) setDrag({ from: view[1], to: time, edge: 0 });
        else if (narrowed && Math.abs(time - view[1]) < near) setDrag({ from: view[0], to: time, edge: 1 });
        else setDrag({ from: time, to: time });
        try {
          event.currentTarget.setPointerCapture(event.pointerId);
        } catch {
          // A pointer that is gone already.
        }
      }}
      onPointerMove={(event) => drag && setDrag({ ...drag, to: at(event) })}
      onPointerUp={() => {
        if (drag && Math.abs(drag.to - drag.from) > model.duration / 500) {
          props.zoom([Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)]);
        }
        setDrag(undefined);
      }}
      onPointerCancel={() => setDrag(undefined)}
      onDblClick={() => props.zoom(undefined)}
    >
      <canvas ref={canvas} style={{ width: `${width}px`, height: `${HEIGHT}px` }} aria-hidden="true" />
      <div class="minimap-ruler" aria-hidden="true">
        {ticks(0, model.duration, Math.max(2, Math.floor(width / 150))).map((time) => (
          <span key={time} class={time / model.duration > 0.94 ? "last" : ""} style={{ left: percent(time) }}>
            {time === 0 ? "0" : duration(time)}
          </span>
        ))}
      </div>
      {zoomed && (
        <>
          <div class="minimap-dim" style={{ left: "0", width: percent(shown[0]) }} />
          <div class="minimap-dim" style={{ left: percent(shown[1]), right: "0" }} />
          <div class="minimap-edge" style={{ left: percent(shown[0]) }} />
          <div class="minimap-edge" style={{ left: percent(shown[1]) }} />
        </>
      )}
    </div>
  );
}

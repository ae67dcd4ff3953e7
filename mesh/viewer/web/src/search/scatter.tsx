// When the traces began and how long they took; a click opens one, a drag chooses a time range.
import { useMemo, useRef, useState } from "preact/hooks";
import type { Summary } from "../api";
import { clock, clockTick, clockTicks, duration, oneLine, plural, shortOperation } from "../format";
import { useWidth } from "../loading";

const HEIGHT = 190;
const LEFT = 58;
const RIGHT = 16;
const TOP = 12;
const BOTTOM = 26;

function logTicks(from: number, to: number): number[] {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
    for (const factor of [1, 2, 5]) {
      const value = factor * 10 ** power;
      if (value >= from && value <= to) found.push(value);
    }
  }
  const every = Math.ceil(found.length / 5);
  return found.filter((_, index) => index % every === 0);
}

export function Scatter(props: {
  summaries: Summary[];
  open: (id: string) => void;
  choose: (start: number, end: number) => void;
}) {
  const [attach, width] = useWidth<HTMLDivElement>();
  const [at, setAt] = useState<number>();
  const [drag, setDrag] = useState<[number, number]>();
  const svg = useRef<SVGSVGElement>(null);
  const { summaries } = props;

  const plot = useMemo(() => {
    let first = Infinity;
    let last = -Infinity;
    let least = Infinity;
    let most = 1;
    let spans = 1;
    for (const each of summaries) {
      first = Math.min(first, each.startTime);
      last = Math.max(last, each.startTime);
      least = Math.min(least, Math.max(each.duration, 1));
      most = Math.max(most, each.duration);
      spans = Math.max(spans, each.spanCount);
    }
    const small = summaries.length > 600 ? 1.8 : summaries.length > 200 ? 2.4 : 3.2;
    const margin = Math.max((last - first) * 0.02, 50_000);
    const from = first - margin;
    const to = last + margin;
    const low = Math.max(least / 1.3, 1);
    const high = Math.max(most * 1.3, low * 4);
    const x = (time: number) => LEFT + ((time - from) / (to - from)) * (width - LEFT - RIGHT);
    const y = (us: number) =>
      HEIGHT - BOTTOM - (Math.log(Math.max(us, 1) / low) / Math.log(high / low)) * (HEIGHT - TOP - BOTTOM);
    const points = summaries
      .map((summary) => ({
        summary,
        x: x(summary.startTime),
        y: y(summary.duration),
        r: small + (summaries.length > 200 ? 2.5 : 4) * Math.sqrt(summary.spanCount / Math.max(spans, 20)),
      }))
      .sort((one, other) => one.summary.startTime - other.summary.startTime);
    return { from, to, low, high, x, y, points };
  }, [summaries, width]);

  const time = (pixel: number) => plot.from + ((pixel - LEFT) / (width - LEFT - RIGHT)) * (plot.to - plot.from);
  const position = (event: PointerEvent): [number, number] => {
    const box = svg.current?.getBoundingClientRect();
    return [event.clientX - (box?.left ?? 0), event.clientY - (box?.top ?? 0)];
  };
  const nearest = (x: number, y: number) => {
    let found: number | undefined;
    let best = 14 ** 2;
    plot.points.forEach((point, index) => {
      const distance = (point.x - x) ** 2 + (point.y - y) ** 2;
      if (distance < best) [best, found] = [distance, index];
    });
    return found;
  };
  const step = (by: number) =>
    setAt((now) => Math.min(Math.max((now ?? (by > 0 ? -1 : plot.points.length)) + by, 0), plot.points.length - 1));

  const shown = at === undefined ? undefined : plot.points[at];
  const errors = summaries.filter((each) => each.errorCount > 0).length;
  const moved = drag && Math.abs(drag[1] - drag[0]) > 5;
  return (
    <div class="scatter panel" ref={attach}>
      <svg
        ref={svg}
        width={width}
        height={HEIGHT}
        tabIndex={0}
        role="application"
        aria-label={`Durations of ${plural(summaries.length, "trace")} over time, ${errors} with errors. Arrow keys choose a trace, Enter opens it.`}
        class={shown ? "over" : ""}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          const [x] = position(event);
          setDrag([x, x]);
          try {
            event.currentTarget.setPointerCapture(event.pointerId);
          } catch {
            // A pointer that is gone already.
          }
        }}
        onPointerMove={(event) => {
          const [x, y] = position(event);
          if (drag) setDrag([drag[0], x]);
          setAt(nearest(x, y));
        }}
        onPointerUp={(event) => {
          const [x, y] = position(event);
          const begun = drag;
          setDrag(undefined);
          if (begun && Math.abs(x - begun[0]) > 5) {
            const ends = [time(begun[0]), time(x)].sort((one, other) => one - other);
            props.choose(Math.floor(ends[0]!), Math.ceil(ends[1]!));
            return;
          }
          const found = nearest(x, y);
          const point = found === undefined ? undefined : plot.points[found];
          if (begun && point) props.open(point.summary.traceID);
        }}
        onPointerCancel={() => setDrag(undefined)}
        onPointerLeave={() => drag || setAt(undefined)}
        onBlur={() => setAt(undefined)}
        onKeyDown={(event) => {
          const move = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
          if (move !== undefined) step(move);
          else if (event.key === "Enter" && shown) props.open(shown.summary.traceID);
          else return;
          event.preventDefault();
        }}
      >
        {logTicks(plot.low, plot.high).map((value) => (
          <g key={value}>
            <line class="grid" x1={LEFT} x2={width - RIGHT} y1={plot.y(value)} y2={plot.y(value)} />
            <text class="tick" x={LEFT - 8} y={plot.y(value) + 4} text-anchor="end">
              {duration(value)}
            </text>
          </g>
        ))}
        {clockTicks(plot.from, plot.to, Math.max(2, Math.floor(width / 130)))
          .filter((value) => plot.x(value) < width - 34)
          .map((value) => (
            <text key={value} class="tick" x={plot.x(value)} y={HEIGHT - 8} text-anchor="middle">
              {clockTick(value, plot.to - plot.from)}
            </text>
          ))}
        <line class="axis" x1={LEFT} x2={width - RIGHT} y1={HEIGHT - BOTTOM} y2={HEIGHT - BOTTOM} />
        {[...plot.points]
          .sort((one, other) => Number(one.summary.errorCount > 0) - Number(other.summary.errorCount > 0))
          .map((point) => (
            <circle
              key={point.summary.traceID}
              class={point.summary.errorCount ? "point bad" : "point"}
              cx={point.x}
              cy={point.y}
              r={point.r}
            />
          ))}
        {shown && <circle class="ring" cx={shown.x} cy={shown.y} r={shown.r + 3} />}
        {moved && drag && (
          <rect
            class="selection"
            x={Math.min(...drag)}
            width={Math.abs(drag[1] - drag[0])}
            y={TOP}
            height={HEIGHT - TOP - BOTTOM}
          />
        )}
      </svg>
      {shown && !moved && (
        <div
          class="tooltip"
          style={{
            left: `${Math.min(Math.max(shown.x, 130), width - 130)}px`,
            top: shown.y < 90 ? `${shown.y + 16}px` : undefined,
            bottom: shown.y < 90 ? undefined : `${HEIGHT - shown.y + 14}px`,
          }}
        >
          <strong>{oneLine(shortOperation(shown.summary.rootOperation), 70)}</strong>
          <span>
            {shown.summary.rootService} · {clock(shown.summary.startTime, "ms")}
          </span>
          <span>
            {duration(shown.summary.duration)} · {plural(shown.summary.spanCount, "span")}
            {shown.summary.errorCount > 0 && <em> · {plural(shown.summary.errorCount, "error")}</em>}
          </span>
        </div>
      )}
    </div>
  );
}

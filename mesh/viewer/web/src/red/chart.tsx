// A small chart over time, drawn by hand.
import { useMemo } from "preact/hooks";
import type { Bucket, Exemplar } from "../api";
import { clockTick, clockTicks, duration, ticks } from "../format";
import { go } from "../location";

const LEFT = 46;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 18;

export interface Line {
  name: string;
  colour: string;
  value: (bucket: Bucket) => number;
  area?: boolean;
}

export interface ChartProps {
  label: string;
  buckets: Bucket[];
  start: number;
  end: number;
  step: number;
  lines: Line[];
  format: (value: number) => string;
  width: number;
  height: number;
  /** What the top of the chart is at least. */
  least: number;
  exemplars?: boolean;
  /** Without calls the value is 0 (a rate), not unknown (a duration). */
  zero?: boolean;
  hover: number | undefined;
  setHover: (time: number | undefined) => void;
  drag: readonly [number, number] | undefined;
  setDrag: (drag: readonly [number, number] | undefined) => void;
  choose: (start: number, end: number) => void;
}

export function Chart(props: ChartProps) {
  const { buckets, start, end, step, width, height, hover, drag } = props;
  const x = (time: number) => LEFT + ((time - start) / (end - start)) * (width - LEFT - RIGHT);
  const top = useMemo(() => {
    let most = props.least;
    for (const bucket of buckets) {
      for (const line of props.lines) most = Math.max(most, line.value(bucket));
      if (props.exemplars && bucket.exemplar) most = Math.max(most, bucket.exemplar.duration);
    }
    return most * 1.08;
  }, [buckets, props.least]);
  const y = (value: number) => height - BOTTOM - (value / top) * (height - TOP - BOTTOM);
  const half = step / 2;

  const paths = useMemo(() => {
    const byStart = new Map(buckets.map((bucket) => [bucket.start, bucket]));
    const first = buckets[0]?.start ?? start;
    const begin = first - Math.floor((first - start) / step) * step;
    return props.lines.map((line) => {
      let path = "";
      let area = "";
      let open: number | undefined;
      let last = 0;
      const close = () => {
        if (open !== undefined) area += `L${last},${y(0)}L${open},${y(0)}Z`;
        open = undefined;
      };
      const dots: [number, number][] = [];
      for (let time = begin; time < end; time += step) {
        const bucket = byStart.get(time);
        if (!bucket && (!props.zero || time + step > end)) {
          close();
          continue;
        }
        const px = x(Math.min(time + half, end));
        const py = y(bucket ? line.value(bucket) : 0);
        const alone = open === undefined;
        path += `${alone ? "M" : "L"}${px.toFixed(1)},${py.toFixed(1)}`;
        area += `${alone ? "M" : "L"}${px.toFixed(1)},${py.toFixed(1)}`;
        if (alone) {
          open = px;
          if (!byStart.has(time + step) && !props.zero) dots.push([px, py]);
        }
        last = px;
      }
      close();
      return { path, area, dots };
    });
  }, [buckets, start, end, step, width, top]);

  const timeAt = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const part = (event.clientX - box.left - LEFT) / (width - LEFT - RIGHT);
    return start + Math.min(Math.max(part, 0), 1) * (end - start);
  };
  const marks = ticks(0, top, 3).filter((value) => value <= top);

  return (
    <svg
      class="chart"
      width={width}
      height={height}
      role={props.exemplars ? "group" : "img"}
      aria-label={props.label}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        const time = timeAt(event);
        props.setDrag([time, time]);
      }}
      onPointerMove={(event) => {
        const time = timeAt(event);
        props.setHover(time);
        if (drag && event.buttons) props.setDrag([drag[0], time]);
        else if (drag) props.setDrag(undefined);
      }}
      onPointerUp={() => {
        if (drag && Math.abs(drag[1] - drag[0]) > (end - start) / 60) {
          props.choose(Math.min(...drag), Math.max(...drag));
        }
        props.setDrag(undefined);
      }}
      onPointerLeave={() => props.setHover(undefined)}
    >
      {marks.map((value) => (
        <g key={value} aria-hidden="true">
          <line class="grid" x1={LEFT} x2={width - RIGHT} y1={y(value)} y2={y(value)} />
          <text class="tick" x={LEFT - 6} y={y(value) + 4} text-anchor="end">
            {props.format(value)}
          </text>
        </g>
      ))}
      {clockTicks(start, end, Math.max(2, Math.floor(width / 100)))
        .filter((time) => x(time) > LEFT + 10 && x(time) < width - 24)
        .map((time) => (
          <text key={time} aria-hidden="true" class="tick" x={x(time)} y={height - 4} text-anchor="middle">
            {clockTick(time, end - start)}
          </text>
        ))}
      {hover !== undefined && <line class="chart-cursor" x1={x(hover)} x2={x(hover)} y1={TOP} y2={height - BOTTOM} />}
      {props.lines.map((line, index) => (
        <g key={line.name}>
          {line.area && <path class="chart-area" d={paths[index]!.area} fill={line.colour} />}
          <path class="chart-line" d={paths[index]!.path} stroke={line.colour} />
          {paths[index]!.dots.map(([cx, cy]) => (
            <circle key={cx} cx={cx} cy={cy} r="1.8" fill={line.colour} />
          ))}
        </g>
      ))}
      {props.exemplars && <Exemplars buckets={buckets} x={(time) => x(Math.min(time + half, end))} y={y} />}
      {drag && Math.abs(drag[1] - drag[0]) > (end - start) / 200 && (
        <rect
          class="selection"
          x={x(Math.min(...drag))}
          width={x(Math.max(...drag)) - x(Math.min(...drag))}
          y={TOP}
          height={height - TOP - BOTTOM}
        />
      )}
    </svg>
  );
}

function Exemplars({
  buckets,
  x,
  y,
}: {
  buckets: Bucket[];
  x: (time: number) => number;
  y: (value: number) => number;
}) {
  return (
    <>
      {buckets.map((bucket) => {
        const found: Exemplar | undefined = bucket.exemplar;
        if (!found) return null;
        const address = `/trace/${found.traceID}`;
        const title = `${found.error ? "Error, " : ""}${duration(found.duration)}: open trace ${found.traceID.slice(0, 7)}`;
        const [px, py] = [x(bucket.start), y(found.duration)];
        return (
          <a
            key={bucket.start}
            href={address}
            class="exemplar-link"
            aria-label={title}
            onPointerDown={(event) => event.stopPropagation()}
            onClick={(event) => {
              if (event.ctrlKey || event.metaKey || event.shiftKey) return;
              event.preventDefault();
              event.stopPropagation();
              go(address);
            }}
          >
            <title>{title}</title>
            <circle class="exemplar-room" cx={px} cy={py} r="8" />
            <path class={found.error ? "exemplar bad" : "exemplar"} d={`M${px},${py - 4}l4,4l-4,4l-4,-4z`} />
          </a>
        );
      })}
    </>
  );
}

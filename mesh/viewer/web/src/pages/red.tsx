import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { withParameters, type Bucket, type Red, type Series } from "../api";
import { useServices } from "../colours";
import { count, duration, oneLine, rate, share, shortOperation } from "../format";
import { useShortcuts } from "../keys";
import { useData, useWidth } from "../loading";
import { change } from "../location";
import { ServiceName } from "../parts/controls";
import { RangePicker, askedNow, readRange, setRange } from "../parts/range";
import { Busy, Empty, Failed, Loading, Stale } from "../parts/states";
import { Chart, type ChartProps } from "../red/chart";

type Order = "service" | "errors" | "rate" | "p95";
const ORDERS: [Order, string][] = [
  ["service", "By name"],
  ["errors", "Most errors first"],
  ["rate", "Busiest first"],
  ["p95", "Slowest first"],
];
const FIRST = 24;

function ordered(series: Series[], order: Order): Series[] {
  const by: Record<Order, (one: Series, other: Series) => number> = {
    service: () => 0,
    errors: (one, other) => other.total.errorShare - one.total.errorShare || other.total.count - one.total.count,
    rate: (one, other) => other.total.rate - one.total.rate,
    p95: (one, other) => other.total.p95 - one.total.p95,
  };
  return [...series].sort(by[order]);
}

export function RedPage({ query }: { query: URLSearchParams }) {
  const service = query.get("service") ?? "";
  const text = query.get("q") ?? "";
  const order = (query.get("sort") ?? "service") as Order;
  const range = readRange(query);
  const key = range.fixed ? { start: range.fixed.start, end: range.fixed.end } : { lookback: range.name };
  const found = useData<Red>("/api/red", { service, ...key }, { everyMs: range.everyMs, fresh: () => askedNow(range) });
  const red = found.data;
  const services = useServices();
  const [most, setMost] = useState(FIRST);
  const [attach, width] = useWidth<HTMLDivElement>(1_200);
  const [hover, setHover] = useState<number>();
  const [drag, setDrag] = useState<readonly [number, number]>();
  const list = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    const shown = (red?.series ?? []).filter(
      (each) => !wanted || `${each.service} ${each.operation}`.toLowerCase().includes(wanted),
    );
    return ordered(shown, order);
  }, [red, text, order]);
  useShortcuts("RED", [
    { keys: "/", does: "Filter methods", run: () => document.getElementById("red-filter")?.focus() },
    { keys: "r", does: "Load again", run: found.again },
    { keys: "Escape", does: "Back to the last minutes", run: () => range.fixed && setRange(undefined) },
  ]);
  const shared: Shared | undefined = red && {
    red,
    hover,
    setHover,
    drag,
    setDrag,
    choose: (start, end) => setRange({ start, end }),
  };

  return (
    <div class="red-page">
      <Busy on={found.loading && !red} />
      <header class="page-head">
        <h1>Rate, errors, duration</h1>
        <select
          aria-label="Service"
          value={service}
          onChange={(event) => change({ service: event.currentTarget.value })}
        >
          <option value="">All services</option>
          {(services.includes(service) || !service ? services : [service, ...services]).map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
        <input
          id="red-filter"
          type="search"
          placeholder="Filter methods …"
          aria-label="Filter methods"
          value={text}
          onInput={(event) => change({ q: event.currentTarget.value }, { replace: true })}
        />
        <select
          aria-label="Order"
          value={order}
          onChange={(event) =>
            change(
              { sort: event.currentTarget.value === "service" ? undefined : event.currentTarget.value },
              { replace: true },
            )
          }
        >
          {ORDERS.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
        <span class="spacer" />
        <RangePicker range={range} />
      </header>
      <div class="red-list" ref={attach}>
        {!red && found.error && <Failed error={found.error} again={found.again} />}
        {!red && !found.error && <Loading what="figures" />}
        {red && found.error && <Stale error={found.error} again={found.again} />}
        {red && list.length === 0 && (
          <Empty icon="chart" title={red.series.length ? "No method matches" : "No calls in this time range"}>
            <p>{red.series.length ? "Change the filter." : "Figures come from the server spans of traces."}</p>
          </Empty>
        )}
        {shared && list.length > 0 && (
          <>
            <p class="red-key faint" aria-hidden="true">
              <i class="p50" /> p50 <i class="p95" /> p95 <i class="p99" /> p99 <span class="diamond" /> slowest call,{" "}
              <span class="diamond bad" /> erroneous call: open their trace. Drag over a chart to see that time only.
            </p>
            {list.slice(0, most).map((series) => (
              <Panel key={`${series.service}\n${series.operation}`} series={series} width={width} {...shared} />
            ))}
            {list.length > most && (
              <button type="button" class="button more" onClick={() => setMost(most + FIRST)}>
                Show more ({list.length - most} left)
              </button>
            )}
          </>
        )}
      </div>
    </div>
  );
}

type Shared = Pick<ChartProps, "hover" | "setHover" | "drag" | "setDrag" | "choose"> & { red: Red };

function Panel({ series, width, red, ...shared }: Shared & { series: Series; width: number }) {
  const { total } = series;
  const each = Math.floor((width - 2 - 2 * 16 - 2 * 18) / 3);
  const under = useMemo(() => {
    if (shared.hover === undefined) return undefined;
    return series.buckets.find((bucket) => shared.hover! >= bucket.start && shared.hover! < bucket.start + red.step);
  }, [series, shared.hover, red.step]);
  const common = {
    buckets: series.buckets,
    start: red.start,
    end: red.end,
    step: red.step,
    width: each,
    height: 118,
    ...shared,
  };
  const name = shortOperation(series.operation);
  const search = { service: series.service, operation: series.operation, start: red.start, end: red.end };
  return (
    <section
      class={total.errorShare >= 0.01 ? "red-panel panel bad" : "red-panel panel"}
      aria-label={`${series.service} ${name}`}
    >
      <header>
        <h2 title={oneLine(series.operation, 400)}>
          <ServiceName service={series.service} /> <span class="red-operation">{oneLine(name, 120)}</span>
        </h2>
        <dl>
          <div>
            <dt>calls</dt>
            <dd>{count(total.count)}</dd>
          </div>
          <div>
            <dt>p50</dt>
            <dd>{duration(total.p50)}</dd>
          </div>
          <div>
            <dt>p95</dt>
            <dd>{duration(total.p95)}</dd>
          </div>
          <div>
            <dt>p99</dt>
            <dd>{duration(total.p99)}</dd>
          </div>
        </dl>
        {total.errors > 0 && (
          <a class="button" href={withParameters("/search", { ...search, tags: "error=true" })}>
            Errors
          </a>
        )}
        <a class="button" href={withParameters("/search", search)}>
          Traces
        </a>
      </header>
      <div class="red-charts">
        <Figure title="Rate" value={rate(total.rate)} under={under && rate(under.rate)}>
          <Chart
            {...common}
            label={`Calls per second, ${rate(total.rate)} on average`}
            lines={[{ name: "rate", colour: "var(--p95)", value: (bucket: Bucket) => bucket.rate, area: true }]}
            format={(value) => Number(value.toPrecision(2)).toString()}
            least={0.01}
            zero
          />
        </Figure>
        <Figure
          title="Errors"
          value={share(total.errorShare)}
          under={under && share(under.errorShare)}
          bad={total.errors > 0}
        >
          <Chart
            {...common}
            label={`Share of errors, ${share(total.errorShare)} on average`}
            lines={[
              {
                name: "errors",
                colour: total.errors ? "var(--bad)" : "var(--line-strong)",
                value: (bucket: Bucket) => bucket.errorShare,
                area: true,
              },
            ]}
            format={(value) => `${Number((value * 100).toPrecision(2))}%`}
            least={0.02}
            zero
          />
        </Figure>
        <Figure
          title="Duration"
          value={`p95 ${duration(total.p95)}`}
          under={under && `${duration(under.p50)} · ${duration(under.p95)} · ${duration(under.p99)}`}
        >
          <Chart
            {...common}
            label={`Duration, p50 ${duration(total.p50)}, p95 ${duration(total.p95)}, p99 ${duration(total.p99)}`}
            lines={[
              { name: "p99", colour: "var(--p99)", value: (bucket: Bucket) => bucket.p99 },
              { name: "p95", colour: "var(--p95)", value: (bucket: Bucket) => bucket.p95 },
              { name: "p50", colour: "var(--p50)", value: (bucket: Bucket) => bucket.p50 },
            ]}
            format={(value) => (value === 0 ? "0" : duration(value))}
            least={100}
            exemplars
          />
        </Figure>
      </div>
    </section>
  );
}

function Figure(props: {
  title: string;
  value: string;
  under: string | undefined;
  bad?: boolean;
  children: ComponentChildren;
}) {
  return (
    <figure>
      <figcaption>
        <span>{props.title}</span>
        <b class={props.bad ? "bad-text" : ""}>{props.value}</b>
        {props.under && <em>{props.under}</em>}
      </figcaption>
      {props.children}
    </figure>
  );
}

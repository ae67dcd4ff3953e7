import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { LogLine, Trace } from "../api";
import { oneLine } from "../format";
import { useShortcuts } from "../keys";
import { useData } from "../loading";
import { change } from "../location";
import { Icon } from "../parts/icons";
import { Busy, Empty, Failed, Loading } from "../parts/states";
import { Details } from "../trace/details";
import { Head } from "../trace/head";
import { Logs } from "../trace/logs";
import { Minimap, type View } from "../trace/minimap";
import { haystack, modelOf, rowsOf, type Model, type Node } from "../trace/model";
import { Operations } from "../trace/operations";
import { ROW } from "../trace/row";
import { Tools, type Tab } from "../trace/tools";
import { Waterfall } from "../trace/waterfall";

export function TracePage({ id, query }: { id: string; query: URLSearchParams }) {
  const traces = useData<Trace[]>(`/api/traces/${encodeURIComponent(id)}`);
  const logs = useData<LogLine[]>(traces.data ? "/api/logs" : undefined, { traceId: id });
  const trace = traces.data?.[0];
  const model = useMemo(() => trace && modelOf(trace), [trace]);
  useEffect(() => {
    document.title = model?.roots[0]
      ? `${oneLine(model.roots[0].span.operationName, 80)} · Tradewind`
      : "Trace · Tradewind";
  }, [model]);

  if (!trace || !model) {
    if (traces.error?.status === 404) {
      return (
        <Empty icon="search" title="Trace not found">
          <p>
            No span of <code>{oneLine(id, 40)}</code> is in the store. It may not have arrived yet, was not sampled, or
            was kept too long ago.
          </p>
          <div class="row">
            <button type="button" class="button" onClick={traces.again}>
              <Icon name="refresh" /> Look again
            </button>
            <a class="button" href="/search">
              Search traces
            </a>
          </div>
        </Empty>
      );
    }
    return traces.error ? <Failed error={traces.error} again={traces.again} /> : <Loading what="the trace" />;
  }
  return (
    <TraceView
      trace={trace}
      model={model}
      logs={logs}
      query={query}
      busy={traces.loading}
      again={() => (traces.again(), logs.again())}
    />
  );
}

interface ViewProps {
  trace: Trace;
  model: Model;
  logs: ReturnType<typeof useData<LogLine[]>>;
  query: URLSearchParams;
  busy: boolean;
  again: () => void;
}

function viewOf(query: URLSearchParams, model: Model): View {
  const from = Number(query.get("from"));
  const to = Number(query.get("to"));
  return query.has("to") && to > from && from >= 0 ? [from, Math.min(to, model.duration)] : [0, model.duration];
}

function TraceView({ trace, model, logs, query, busy, again }: ViewProps) {
  const view = useMemo(() => viewOf(query, model), [query, model]);
  const tab = (query.get("tab") ?? "waterfall") as Tab;
  const critical = query.get("critical") !== "false";
  const text = query.get("q") ?? "";
  const chosen = query.get("span") ?? "";
  const open = model.byId.get(chosen);
  const [cursor, setCursor] = useState<Node | undefined>(open ?? model.nodes[0]);
  const [collapsed, setCollapsed] = useState<ReadonlySet<Node>>(new Set());
  const [reveal, setReveal] = useState(open ? 1 : 0);
  const findBox = useRef<HTMLInputElement>(null);
  const rows = useMemo(() => rowsOf(model, collapsed), [model, collapsed]);
  const stacks = useMemo(() => model.nodes.map(haystack), [model]);
  const matches = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    return wanted ? model.nodes.filter((node) => stacks[node.index]?.includes(wanted)) : undefined;
  }, [text, stacks]);
  const found = useMemo(() => (matches ? new Set(matches) : undefined), [matches]);

  // A trace that came again, with late spans, has new nodes.
  useEffect(() => {
    setCursor((now) => (now && model.byId.get(now.span.spanID)) ?? model.nodes[0]);
    setCollapsed(new Set());
  }, [model]);
  useEffect(() => {
    if (open && open !== cursor) show(open);
  }, [open]);

  /** Puts the cursor on a span and makes it visible. */
  const show = (node: Node) => {
    const ancestors: Node[] = [];
    for (let each = node.parent; each; each = each.parent) if (collapsed.has(each)) ancestors.push(each);
    if (ancestors.length) setCollapsed(new Set([...collapsed].filter((each) => !ancestors.includes(each))));
    setCursor(node);
    setReveal((count) => count + 1);
  };
  const openDetails = (node: Node | undefined) => change({ span: node?.span.spanID }, { replace: true });
  const select = (node: Node, details: boolean) => {
    setCursor(node);
    if (details) openDetails(node === open ? undefined : node);
  };
  const reach = (node: Node | undefined) => {
    if (!node) return;
    show(node);
    if (open) openDetails(node);
  };
  const toggle = (node: Node) => {
    const next = new Set(collapsed);
    if (!next.delete(node)) next.add(node);
    setCollapsed(next);
    for (let each = cursor?.parent; each; each = each.parent) if (next.has(each)) setCursor(each);
  };
  const zoom = (wanted: View | undefined) => {
    if (!wanted) return change({ from: undefined, to: undefined }, { replace: true });
    const least = Math.max(model.duration / 100_000, 2);
    const from = Math.min(Math.max(wanted[0], 0), model.duration - least);
    const to = Math.min(Math.max(wanted[1], from + least), model.duration);
    if (from <= 0 && to >= model.duration) return change({ from: undefined, to: undefined }, { replace: true });
    return change({ from: from > 0 ? String(Math.floor(from)) : "0", to: String(Math.ceil(to)) }, { replace: true });
  };
  const scale = (factor: number) => {
    const middle = (view[0] + view[1]) / 2;
    const half = ((view[1] - view[0]) / 2) * factor;
    zoom([middle - half, middle + half]);
  };
  const pan = (by: number) => {
    const range = view[1] - view[0];
    const from = Math.min(Math.max(view[0] + by * range, 0), model.duration - range);
    zoom([from, from + range]);
  };
  const move = (by: number) => {
    const now = cursor ? rows.indexOf(cursor) : -1;
    reach(rows[Math.min(Math.max(now + by, 0), rows.length - 1)]);
  };
  const nextOf = (nodes: Node[] | undefined, by: 1 | -1) => {
    if (!nodes?.length) return;
    const at = cursor?.index ?? -1;
    const next =
      by > 0
        ? (nodes.find((node) => node.index > at) ?? nodes[0])
        : (nodes.findLast((node) => node.index < at) ?? nodes.at(-1));
    reach(next);
  };
  const errors = useMemo(() => model.nodes.filter((node) => node.error), [model]);
  const collapseAll = () => {
    setCollapsed(new Set(model.nodes.filter((node) => node.children.length && node.depth > 0)));
    const first = cursor;
    for (let each = first; each; each = each.parent)
      if (each.depth <= 1) setCursor((now) => (now === first ? each : now));
  };
  const setTab = (next: Tab) => change({ tab: next === "waterfall" ? undefined : next });
  const toggleCritical = () => change({ critical: critical ? "false" : undefined }, { replace: true });
  const find = (wanted: string) => change({ q: wanted }, { replace: true });

  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(Math.floor(((event.currentTarget as HTMLElement).clientHeight ?? 400) / ROW) - 2, 1);
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -rows.length,
      End: rows.length,
    };
    const by = steps[event.key];
    if (by !== undefined) move(by);
    else if (event.key === "ArrowRight" && !event.shiftKey && cursor?.children.length) {
      if (collapsed.has(cursor)) toggle(cursor);
      else move(1);
    } else if (event.key === "ArrowLeft" && !event.shiftKey && cursor) {
      if (cursor.children.length && !collapsed.has(cursor)) toggle(cursor);
      else reach(cursor.parent);
    } else if ((event.key === "Enter" || event.key === " ") && cursor)
      openDetails(cursor === open ? undefined : cursor);
    else return;
    event.preventDefault();
  };

  useShortcuts("Trace", [
    { keys: "j, ArrowDown", does: "Next span", run: () => move(1) },
    { keys: "k, ArrowUp", does: "Previous span", run: () => move(-1) },
    {
      keys: "Enter",
      does: "Open or close its details",
      run: () => cursor && openDetails(cursor === open ? undefined : cursor),
    },
    {
      keys: "Escape",
      does: "Close the details, then the zoom",
      run: () => (open ? openDetails(undefined) : zoom(undefined)),
    },
    {
      keys: "ArrowLeft",
      does: "Collapse, or go to the parent",
      run: () => cursor && (cursor.children.length && !collapsed.has(cursor) ? toggle(cursor) : reach(cursor.parent)),
    },
    { keys: "ArrowRight", does: "Expand", run: () => cursor && collapsed.has(cursor) && toggle(cursor) },
    { keys: "[", does: "Collapse all", run: collapseAll },
    { keys: "]", does: "Expand all", run: () => setCollapsed(new Set()) },
    { keys: "/", does: "Find in this trace", run: () => findBox.current?.focus() },
    { keys: "n", does: "Next match", run: () => nextOf(matches, 1) },
    { keys: "N", does: "Previous match", run: () => nextOf(matches, -1) },
    { keys: "e", does: "Next error", run: () => nextOf(errors, 1) },
    { keys: "+, =", does: "Zoom in", run: () => scale(0.5) },
    { keys: "-", does: "Zoom out", run: () => scale(2) },
    { keys: "0", does: "See everything", run: () => zoom(undefined) },
    { keys: "a", does: "Move the view to earlier", run: () => pan(-0.25) },
    { keys: "d", does: "Move the view to later", run: () => pan(0.25) },
    { keys: "c", does: "Critical path on or off", run: toggleCritical },
    { keys: "w", does: "Waterfall", run: () => setTab("waterfall") },
    { keys: "l", does: "Log lines", run: () => setTab("logs") },
    { keys: "o", does: "Operations", run: () => setTab("operations") },
    { keys: "r", does: "Load again", run: again },
  ]);

  const zoomed = view[0] > 0 || view[1] < model.duration;
  return (
    <div class="trace">
      <Busy on={busy} />
      <Head model={model} again={again} nextError={() => (setTab("waterfall"), nextOf(errors, 1))} />
      <Tools
        tab={tab}
        setTab={setTab}
        lines={logs.data?.length}
        findBox={findBox}
        text={text}
        find={find}
        matches={matches}
        cursor={cursor}
        next={(by) => nextOf(matches, by)}
        resetZoom={zoomed ? () => zoom(undefined) : undefined}
        critical={critical}
        toggleCritical={toggleCritical}
        collapsed={collapsed.size > 0}
        toggleAll={() => (collapsed.size ? setCollapsed(new Set()) : collapseAll())}
      />
      {tab === "waterfall" && <Minimap model={model} view={view} zoom={zoom} />}
      <div class="trace-body">
        {tab === "waterfall" && (
          <Waterfall
            model={model}
            rows={rows}
            view={view}
            collapsed={collapsed}
            cursor={cursor}
            open={!!open}
            found={found}
            critical={critical}
            reveal={reveal}
            select={select}
            toggle={toggle}
            onKey={onKey}
            zoom={zoom}
          />
        )}
        {tab === "logs" && (
          <Logs logs={logs} model={model} cursor={cursor} open={(node) => (setCursor(node), openDetails(node))} />
        )}
        {tab === "operations" && <Operations model={model} find={(wanted) => change({ q: wanted, tab: undefined })} />}
        {open && (
          <Details
            node={open}
            model={model}
            process={trace.processes[open.span.processID]}
            logs={(logs.data ?? []).filter((line) => line.spanID === open.span.spanID)}
            close={() => openDetails(undefined)}
            select={(node) => (show(node), openDetails(node))}
          />
        )}
      </div>
    </div>
  );
}

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Summary } from "../api";
import { withParameters } from "../api";
import { plural } from "../format";
import { useShortcuts } from "../keys";
import { useData } from "../loading";
import { change, go } from "../location";
import { Icon } from "../parts/icons";
import { Busy, Empty, Failed, Loading } from "../parts/states";
import { Card } from "../search/cards";
import { SearchForm } from "../search/form";
import { ORDERS, askedOf, ordered, readSearch, writeSearch, type Order, type Search } from "../search/query";
import { Scatter } from "../search/scatter";
import { useTail, type Live } from "../search/tail";

const FIRST = 100;

/** Where the list was scrolled to, by address: the back button brings it back. */
const scrolled = new Map<string, number>();

export function SearchPage({ query }: { query: URLSearchParams }) {
  const search = readSearch(query);
  const order = (query.get("sort") ?? "newest") as Order;
  const live = query.get("live") === "true";
  const [paused, setPaused] = useState(false);
  const found = useData<Summary[]>("/api/summaries", askedOf(search));
  const tail = useTail(live, paused, search);
  const shown = live ? tail.summaries : found.data;
  const list = useMemo(
    () => (shown && !live ? ordered(shown, ORDERS.some(([each]) => each === order) ? order : "newest") : (shown ?? [])),
    [shown, order, live],
  );
  const scroller = useRef<HTMLDivElement>(null);
  const address = query.toString();

  const submit = (wanted: Search) => {
    const next = withParameters("/search", {
      ...writeSearch(wanted),
      sort: order === "newest" ? undefined : order,
      live: live || undefined,
    });
    if (next === window.location.pathname + window.location.search) found.again();
    else go(next);
  };
  const toggleLive = () => {
    setPaused(false);
    change({ live: !live || undefined });
  };
  const open = (id: string) => go(`/trace/${id}`);

  useEffect(() => {
    const element = scroller.current;
    if (element && list.length) element.scrollTop = scrolled.get(address) ?? 0;
  }, [address, list.length > 0]);

  const move = (by: number) => {
    const links = [...document.querySelectorAll<HTMLAnchorElement>(".card-link")];
    const now = links.indexOf(document.activeElement as HTMLAnchorElement);
    links[Math.min(Math.max(now + by, 0), links.length - 1)]?.focus();
  };
  useShortcuts("Search", [
    { keys: "/", does: "Type attributes to search for", run: () => document.getElementById("tags")?.focus() },
    { keys: "j", does: "Next result", run: () => move(1) },
    { keys: "k", does: "Previous result", run: () => move(-1) },
    { keys: "e", does: "Only errors, or all", run: () => submit({ ...search, errors: !search.errors }) },
    { keys: "l", does: "Live tail on or off", run: toggleLive },
    { keys: "p", does: "Pause the live tail, or go on", run: () => live && setPaused(!paused) },
    { keys: "r", does: "Search again", run: found.again },
  ]);

  return (
    <div class="search">
      <h1 class="unseen">Search traces</h1>
      <aside>
        <SearchForm search={search} submit={submit} busy={found.loading && !found.data} />
      </aside>
      <section
        class="results"
        ref={scroller}
        aria-label="Results"
        onScroll={(event) => scrolled.set(address, event.currentTarget.scrollTop)}
      >
        <Busy on={!live && found.loading} />
        <div class="results-head">
          <p role="status">
            {live ? <LiveState live={tail} paused={paused} /> : <Found found={found.data} search={search} />}
          </p>
          {!live && (
            <select
              aria-label="Order of results"
              value={order}
              onChange={(event) => change({ sort: event.currentTarget.value }, { replace: true })}
            >
              {ORDERS.map(([value, text]) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          )}
          {live && (
            <button type="button" class="button" onClick={() => setPaused(!paused)}>
              <Icon name={paused ? "play" : "pause"} /> {paused ? "Go on" : "Pause"}
              {paused && tail.waiting > 0 && <span class="badge">{tail.waiting}</span>}
            </button>
          )}
          <button
            type="button"
            class={live ? "button live on" : "button live"}
            aria-pressed={live}
            onClick={toggleLive}
          >
            <span class="live-dot" aria-hidden="true" /> Live
          </button>
        </div>
        {live && (search.operation || search.tags) && (
          <p class="note">
            The live tail follows service, errors and durations; operation and attributes are not applied.
          </p>
        )}
        {list.length > 0 && (
          <Scatter
            summaries={list}
            open={open}
            choose={(start, end) => submit({ ...search, lookback: "custom", start: String(start), end: String(end) })}
          />
        )}
        {list.length > 0 && <Cards key={live ? "live" : address} list={list} live={live} />}
        {!live && found.error && <Failed error={found.error} again={found.again} />}
        {!live && !found.error && !found.data && <Loading what="traces" />}
        {!live && !found.error && found.data?.length === 0 && <Nothing search={search} submit={submit} />}
        {live && list.length === 0 && (
          <Empty icon="play" title={tail.state === "lost" ? "Connecting again …" : "Waiting for traces"}>
            <p>They appear here about two seconds after their last span.</p>
          </Empty>
        )}
      </section>
    </div>
  );
}

function Found({ found, search }: { found: Summary[] | undefined; search: Search }) {
  if (!found) return null;
  const errors = found.filter((each) => each.errorCount > 0).length;
  return (
    <>
      <strong>{plural(found.length, "trace")}</strong>
      {errors > 0 && <span class="bad-text"> · {errors} with errors</span>}
      {found.length >= Number(search.limit) && (
        <span class="faint"> · the newest {search.limit}; there may be more</span>
      )}
    </>
  );
}

function LiveState({ live, paused }: { live: Live; paused: boolean }) {
  const text = { off: "", connecting: "Connecting …", on: "Following", lost: "Connection lost; trying again …" }[
    live.state
  ];
  return (
    <>
      <strong>{paused ? "Paused" : text}</strong>
      <span class="faint"> · {plural(live.summaries.length, "trace")}</span>
      {paused && live.waiting > 0 && <span> · {live.waiting} new</span>}
      {live.dropped > 0 && <span class="bad-text"> · {live.dropped} left out: they came too fast</span>}
    </>
  );
}

function Cards({ list, live }: { list: Summary[]; live: boolean }) {
  const [most, setMost] = useState(FIRST);
  const longest = useMemo(() => list.reduce((longest, each) => Math.max(longest, each.duration), 1), [list]);
  return (
    <>
      <ol class="cards">
        {list.slice(0, most).map((summary) => (
          <Card key={summary.traceID} summary={summary} longest={longest} fresh={live} />
        ))}
      </ol>
      {list.length > most && (
        <button type="button" class="button more" onClick={() => setMost(most + 200)}>
          Show more ({list.length - most} left)
        </button>
      )}
    </>
  );
}

function Nothing({ search, submit }: { search: Search; submit: (search: Search) => void }) {
  const narrow = search.service || search.tags || search.minDuration || search.maxDuration || search.errors;
  const wider: Search = { ...search, lookback: "all", start: "", end: "" };
  return (
    <Empty icon="search" title="No traces found">
      <p>
        {narrow
          ? "Nothing matches these filters in this time range."
          : "Nothing has come in this time range. Send a request through the edge, and it shows up here within a second."}
      </p>
      <div class="row">
        {search.lookback !== "all" && (
          <button type="button" class="button" onClick={() => submit(wider)}>
            Look at everything kept
          </button>
        )}
        {narrow && (
          <button
            type="button"
            class="button"
            onClick={() =>
              submit({
                ...readSearch(new URLSearchParams()),
                lookback: search.lookback,
                start: search.start,
                end: search.end,
              })
            }
          >
            Clear the filters
          </button>
        )}
      </div>
    </Empty>
  );
}

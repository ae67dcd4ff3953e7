// The live tail: finished traces as they finish.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { withParameters, type Summary } from "../api";
import { fits, type Search } from "./query";

const MOST = 500;

export interface Live {
  summaries: Summary[];
  /** Came while paused. */
  waiting: number;
  /** Could not be sent, since this page was too slow. */
  dropped: number;
  state: "off" | "connecting" | "on" | "lost";
}

const NOTHING: Live = { summaries: [], waiting: 0, dropped: 0, state: "off" };

function merged(before: Summary[], come: Summary[]): Summary[] {
  const fresh = new Map(come.map((each) => [each.traceID, each]));
  const rest = before.filter((each) => !fresh.has(each.traceID));
  return [...[...fresh.values()].reverse(), ...rest].slice(0, MOST);
}

export function useTail(on: boolean, paused: boolean, search: Search): Live {
  const [live, set] = useState<Live>(NOTHING);
  const held = useRef<Summary[]>([]);
  const frame = useRef(0);
  const isPaused = useRef(paused);
  isPaused.current = paused;
  const key = JSON.stringify([search.service, search.errors, search.minDuration, search.maxDuration]);

  const show = useCallback(() => {
    frame.current = 0;
    if (isPaused.current) {
      set((before) => ({ ...before, waiting: held.current.length }));
      return;
    }
    const come = held.current;
    held.current = [];
    set((before) => ({ ...before, summaries: merged(before.summaries, come), waiting: 0 }));
  }, []);

  useEffect(() => {
    if (!on) {
      set(NOTHING);
      return;
    }
    held.current = [];
    set({ ...NOTHING, state: "connecting" });
    const source = new EventSource(
      withParameters("/api/tail", { service: search.service, errors: search.errors || undefined }),
    );
    source.onopen = () => set((before) => ({ ...before, state: "on" }));
    source.onerror = () => set((before) => ({ ...before, state: "lost" }));
    source.addEventListener("trace", (event) => {
      const summary = JSON.parse((event as MessageEvent<string>).data) as Summary;
      if (!fits(search, summary)) return;
      held.current = held.current.filter((each) => each.traceID !== summary.traceID).slice(1 - MOST);
      held.current.push(summary);
      if (!frame.current) frame.current = window.setTimeout(show, 150);
    });
    source.addEventListener("dropped", (event) => {
      const more = (JSON.parse((event as MessageEvent<string>).data) as { count: number }).count;
      set((before) => ({ ...before, dropped: before.dropped + more }));
    });
    return () => {
      source.close();
      window.clearTimeout(frame.current);
      frame.current = 0;
    };
  }, [on, key]);

  useEffect(() => {
    if (on) show();
  }, [paused]);

  return live;
}

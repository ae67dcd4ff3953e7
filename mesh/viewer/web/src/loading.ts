// Data of the query API in a component.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, ask, withParameters, type Parameters } from "./api";

export interface Loaded<T> {
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  /** Asks again; what is there stays until the answer comes. */
  again: () => void;
}

const KEPT = 30;
const kept = new Map<string, unknown>();

function keep(key: string, value: unknown): void {
  kept.delete(key);
  kept.set(key, value);
  const oldest = kept.keys().next();
  if (kept.size > KEPT && !oldest.done) kept.delete(oldest.value);
}

interface Answer<T> {
  key: string;
  data: T | undefined;
  error: ApiError | undefined;
}

export interface Asking {
  /** Asks again so often, while the page is in sight. */
  everyMs?: number | undefined;
  /** Parameters that are made at each asking, like the time until now. */
  fresh?: () => Parameters;
}

/** Asks for data; the last answer shows at once when one comes back. */
export function useData<T>(path: string | undefined, parameters: Parameters = {}, asking: Asking = {}): Loaded<T> {
  const { everyMs } = asking;
  const fresh = useRef(asking.fresh);
  fresh.current = asking.fresh;
  const key = path === undefined ? "" : withParameters(path, parameters);
  const [answer, set] = useState<Answer<T>>(() => ({ key, data: kept.get(key) as T | undefined, error: undefined }));
  const [round, next] = useState(0);
  const [busy, setBusy] = useState(false);
  const shown = useRef(answer);
  shown.current = answer;

  useEffect(() => {
    if (!key) return;
    const stop = new AbortController();
    if (shown.current.key !== key) set({ key, data: kept.get(key) as T | undefined, error: undefined });
    setBusy(true);
    ask<T>(key, fresh.current?.() ?? {}, stop.signal).then(
      (data) => {
        keep(key, data);
        set({ key, data, error: undefined });
        setBusy(false);
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        const told = error instanceof ApiError ? error : new ApiError(0, String(error));
        set((before) => ({ key, data: before.key === key ? before.data : undefined, error: told }));
        setBusy(false);
      },
    );
    return () => stop.abort();
  }, [key, round]);

  const again = useCallback(() => next((count) => count + 1), []);
  useEffect(() => {
    if (!everyMs) return;
    const timer = window.setInterval(() => document.hidden || again(), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs, again]);

  const current = answer.key === key;
  return {
    data: current ? answer.data : undefined,
    error: current ? answer.error : undefined,
    loading: busy || !current,
    again,
  };
}

export interface Size {
  width: number;
  height: number;
}

/** A size that follows an element's. */
export function useSize<E extends Element>(
  fallback: Size = { width: 800, height: 600 },
): [(element: E | null) => void, Size] {
  const [size, set] = useState(fallback);
  const watcher = useRef<ResizeObserver | undefined>(undefined);
  const attach = useCallback((element: E | null) => {
    watcher.current?.disconnect();
    if (!element) return;
    const measure = () => {
      const width = Math.floor(element.clientWidth);
      const height = Math.floor(element.clientHeight);
      if (width && height) set((now) => (now.width === width && now.height === height ? now : { width, height }));
    };
    watcher.current = new ResizeObserver(measure);
    watcher.current.observe(element);
    measure();
  }, []);
  return [attach, size];
}

/** A width that follows an element's. */
export function useWidth<E extends Element>(fallback = 800): [(element: E | null) => void, number] {
  const [attach, size] = useSize<E>({ width: fallback, height: 600 });
  return [attach, size.width];
}

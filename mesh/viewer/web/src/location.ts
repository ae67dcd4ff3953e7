// Where the page is: path and query string, with the back button working.
import { useEffect, useState } from "preact/hooks";
import type { Parameters } from "./api";

export interface Place {
  path: string;
  query: URLSearchParams;
}

function here(): Place {
  return { path: window.location.pathname, query: new URLSearchParams(window.location.search) };
}

let place = here();
const listeners = new Set<() => void>();

function moved(): void {
  place = here();
  for (const listener of [...listeners]) listener();
}

window.addEventListener("popstate", moved);

/** Goes to another address of this page; `replace` leaves no entry in the history. */
export function go(address: string, options: { replace?: boolean } = {}): void {
  const now = window.location.pathname + window.location.search;
  if (options.replace || address === now) window.history.replaceState(null, "", address);
  else window.history.pushState(null, "", address);
  moved();
}

/** Changes parameters of the present address; undefined or "" takes one away. */
export function change(parameters: Parameters, options: { replace?: boolean } = {}): void {
  const query = new URLSearchParams(window.location.search);
  for (const [key, value] of Object.entries(parameters)) {
    if (value === undefined || value === "" || value === false) query.delete(key);
    else query.set(key, String(value));
  }
  const text = query.toString();
  go(window.location.pathname + (text ? `?${text}` : ""), options);
}

export function usePlace(): Place {
  const [, again] = useState(0);
  useEffect(() => {
    const listener = () => again((count) => count + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return place;
}

/** Follows links of this page without loading it anew. */
export function followLinks(): void {
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== window.location.origin) return;
    if (link.pathname.startsWith("/api/")) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}

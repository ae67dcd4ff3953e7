// Keyboard shortcuts, and the list of them that the help shows.
import { useLayoutEffect, useRef } from "preact/hooks";

export interface Shortcut {
  keys: string;
  does: string;
  run: (event: KeyboardEvent) => void;
  /** Not shown twice in the help. */
  hidden?: boolean;
}

interface Group {
  title: string;
  shortcuts: Shortcut[];
}

const groups = new Set<{ current: Group }>();
let prefix = "";
let prefixTimer = 0;

function typing(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return !!element && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));
}

export function groupsNow(): Group[] {
  return [...groups].map((each) => each.current);
}

export function listenToKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") (event.target as HTMLElement).blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    const pressed = prefix ? `${prefix} ${event.key}` : event.key;
    const all = [...groups].flatMap((each) => each.current.shortcuts).reverse();
    const found = all.find((each) => each.keys.split(", ").includes(pressed));
    window.clearTimeout(prefixTimer);
    prefix = "";
    if (found) {
      event.preventDefault();
      found.run(event);
    } else if (all.some((each) => each.keys.startsWith(`${event.key} `))) {
      prefix = event.key;
      prefixTimer = window.setTimeout(() => (prefix = ""), 1_000);
    }
  });
}

export function useShortcuts(title: string, shortcuts: Shortcut[]): void {
  const group = useRef<Group>({ title, shortcuts });
  group.current = { title, shortcuts };
  // Before the paint: who sees a page can use its keys.
  useLayoutEffect(() => {
    groups.add(group);
    return () => void groups.delete(group);
  }, []);
}

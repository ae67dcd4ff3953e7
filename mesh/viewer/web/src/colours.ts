// A colour for each service, the same on every page.
import { useEffect, useState } from "preact/hooks";
import { ask } from "./api";

export const COLOURS = 12;

/** The mesh's own services have fixed colours that are easy to tell apart. */
const OWN: readonly (readonly [string, number])[] = [
  ["edge", 11],
  ["order", 0],
  ["inventory", 1],
  ["user", 2],
  ["auth", 3],
];
const slots = new Map<string, number>(OWN);
const taken = new Set<number>(OWN.map(([, slot]) => slot));

function hash(text: string): number {
  let value = 2166136261;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 16777619);
  }
  return value >>> 0;
}

/** Where a service's colour is in the palette: by its name, the next free one if that is taken. */
export function slot(service: string): number {
  let found = slots.get(service);
  if (found === undefined) {
    const wanted = hash(service) % COLOURS;
    found = wanted;
    if (taken.size < COLOURS) while (taken.has(found)) found = (found + 1) % COLOURS;
    taken.add(found);
    slots.set(service, found);
  }
  return found;
}

export function colour(service: string): string {
  return `var(--series-${slot(service)})`;
}

let services: string[] | undefined;
let asked: Promise<string[]> | undefined;

/** Names of all services, asked once a page load, and again when told. */
export function loadServices(again = false): Promise<string[]> {
  if (!asked || again) {
    asked = ask<string[]>("/api/services").then((found) => {
      for (const name of [...found].sort()) slot(name);
      services = found;
      return found;
    });
    asked.catch(() => (asked = undefined));
  }
  return asked;
}

export function useServices(): string[] {
  const [found, set] = useState(services ?? []);
  useEffect(() => {
    let gone = false;
    loadServices(true).then(
      (names) => gone || set(names),
      () => undefined,
    );
    return () => void (gone = true);
  }, []);
  return found;
}

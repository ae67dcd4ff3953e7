// Line icons, 16 × 16, in the colour of their text.
const PATHS = {
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.6-1.4L14 14",
  map: "M4 5.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4Zm8 4a2 2 0 1 0 0-4 2 2 0 0 0 0 4Zm-7 5a2 2 0 1 0 0-4 2 2 0 0 0 0 4Zm1-9.6 4.2 2M6.6 11.4l3.8-2.6",
  chart: "M2 2v12h12M5 10l3-4 2.5 2.5L14 4",
  mesh: "M2.5 2.5h4v4h-4zM9.5 2.5h4v4h-4zM2.5 9.5h4v4h-4zM9.5 9.5h4v4h-4z",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7Z",
  auto: "M2 3h12v8H2zM6 14h4M8 11v3",
  help: "M6 6a2 2 0 1 1 3 1.7c-.7.4-1 .8-1 1.6M8 12v.2",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  download: "M8 2v8M4.8 7.2 8 10.4l3.2-3.2M2.5 13.5h11",
  play: "M5 3l8 5-8 5z",
  pause: "M5 3v10M11 3v10",
  error: "M8 1.8 15 14H1zM8 6v4M8 12v.2",
  chevron: "M6 4l4 4-4 4",
  refresh: "M13.5 8a5.5 5.5 0 1 1-1.6-3.9M13.5 1.5v3h-3",
  link: "M6.5 9.5l3-3M7 4.5l1-1a3 3 0 0 1 4.5 4.5l-1 1M9 11.5l-1 1A3 3 0 0 1 3.5 8l1-1",
  up: "M4 10l4-4 4 4",
  down: "M4 6l4 4 4-4",
  database: "M2.5 4c0-3 11-3 11 0v8c0 3-11 3-11 0zM2.5 4c0 3 11 3 11 0M2.5 8c0 3 11 3 11 0",
  filter: "M2 3h12l-4.6 5.500V13l-2.8 1V8.500z",
  list: "M5 4h9M5 8h9M5 12h9M2 4h.1M2 8h.1M2 12h.1",
  zoom: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.6-1.400L14 14M5 7h4",
  outside: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM2 8h12M8 2c-4.500 4-4.500 8 0 12M8 2c4.500 4 4.500 8 0 12",
  path: "M2 12h4V4h4v6h4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M4 12h16a4.5 4.5 0 1 0-4.5-4.500M4 17.500h22M4 23h11a3.8 3.8 0 1 1-3.8 3.8" />
    </svg>
  );
}

// The frame of all pages, and which page an address means.
import { useEffect, useRef, useState } from "preact/hooks";
import { useShortcuts } from "../keys";
import { go, usePlace } from "../location";
import { MapPage } from "../pages/map";
import { MeshPage } from "../pages/mesh";
import { RedPage } from "../pages/red";
import { SearchPage } from "../pages/search";
import { TracePage } from "../pages/trace";
import { IconButton } from "./controls";
import { Help } from "./help";
import { Icon, Logo, type IconName } from "./icons";
import { Empty } from "./states";
import { ThemeButton, useTheme } from "./theme";

const PAGES: readonly { path: string; name: string; icon: IconName; key: string }[] = [
  { path: "/search", name: "Search", icon: "search", key: "s" },
  { path: "/map", name: "Map", icon: "map", key: "m" },
  { path: "/red", name: "RED", icon: "chart", key: "r" },
  { path: "/mesh", name: "Mesh", icon: "mesh", key: "h" },
];

/** The last address of each page, so that its tab brings back what was there. */
const last = new Map<string, string>();

function TraceBox() {
  const [text, set] = useState("");
  const [wrong, setWrong] = useState(false);
  const open = (event: Event) => {
    event.preventDefault();
    const id = text.trim().toLowerCase().replace(/^0x/, "").replace(/-/g, "");
    if (!/^[0-9a-f]{1,32}$/.test(id)) {
      setWrong(true);
      return;
    }
    set("");
    go(`/trace/${id}`);
  };
  return (
    <form class="trace-box" onSubmit={open} role="search" aria-label="Open a trace">
      <input
        id="trace-id"
        type="text"
        class="mono"
        placeholder="Open trace id …"
        aria-label="Trace id"
        aria-invalid={wrong}
        title={wrong ? "A trace id has up to 32 hexadecimal digits" : "Trace id"}
        autocomplete="off"
        spellcheck={false}
        value={text}
        onInput={(event) => {
          set(event.currentTarget.value);
          setWrong(false);
        }}
      />
    </form>
  );
}

export function App() {
  const place = usePlace();
  const [help, setHelp] = useState(false);
  const [theme, nextTheme] = useTheme();
  const main = useRef<HTMLElement>(null);
  const page = place.path === "/" ? "/search" : (/^\/[^/]*/.exec(place.path)?.[0] ?? "");

  useEffect(() => {
    if (place.path === "/") go(`/search${window.location.search}`, { replace: true });
    const text = place.query.toString();
    last.set(page, place.path + (text ? `?${text}` : ""));
  }, [place]);

  useShortcuts("Everywhere", [
    ...PAGES.map((each) => ({
      keys: `g ${each.key}`,
      does: `Go to ${each.name}`,
      run: () => go(last.get(each.path) ?? each.path),
    })),
    { keys: "i", does: "Open a trace by its id", run: () => document.getElementById("trace-id")?.focus() },
    { keys: "T", does: "Change the theme", run: nextTheme },
    { keys: "?", does: "Show this help", run: () => setHelp(true) },
  ]);

  return (
    <div class="app">
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to content
      </a>
      <header class="top">
        <a class="brand" href="/search" aria-label="Tradewind: search">
          <Logo />
          <span>Tradewind</span>
        </a>
        <nav aria-label="Pages">
          {PAGES.map((each) => (
            <a
              key={each.path}
              href={each.path === page ? each.path : (last.get(each.path) ?? each.path)}
              aria-current={each.path === page || (page === "/trace" && each.path === "/search") ? "page" : undefined}
            >
              <Icon name={each.icon} />
              {each.name}
            </a>
          ))}
        </nav>
        <div class="top-right">
          <TraceBox />
          <ThemeButton theme={theme} next={nextTheme} />
          <IconButton icon="help" label="Keyboard shortcuts (?)" onClick={() => setHelp(true)} />
        </div>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        <Page place={place} page={page} />
      </main>
      <Help open={help} close={() => setHelp(false)} />
    </div>
  );
}

function Page({ place, page }: { place: ReturnType<typeof usePlace>; page: string }) {
  useEffect(() => {
    const name = PAGES.find((each) => each.path === page)?.name;
    if (name) document.title = `${name} · Tradewind`;
  }, [page]);
  switch (page) {
    case "/search":
      return <SearchPage query={place.query} />;
    case "/trace": {
      const id = decodeURIComponent(place.path.slice("/trace/".length)).toLowerCase();
      return <TracePage key={id} id={id} query={place.query} />;
    }
    case "/map":
      return <MapPage query={place.query} />;
    case "/red":
      return <RedPage query={place.query} />;
    case "/mesh":
      return <MeshPage />;
    default:
      return (
        <Empty icon="error" title="There is no such page">
          <a class="button" href="/search">
            Search traces
          </a>
        </Empty>
      );
  }
}

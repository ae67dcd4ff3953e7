import { useEffect, useState } from "preact/hooks";
import { Icon } from "./icons";

type Theme = "auto" | "light" | "dark";
const KEY = "tradewind.theme";
const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };
const ICON = { auto: "auto", light: "sun", dark: "moon" } as const;
const TEXT = { auto: "as the system", light: "light", dark: "dark" };

function stored(): Theme {
  const found = document.documentElement.dataset.theme;
  return found === "light" || found === "dark" ? found : "auto";
}

export function useTheme(): [Theme, () => void] {
  const [theme, set] = useState(stored);
  useEffect(() => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === "auto") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // It lasts as long as the page.
    }
  }, [theme]);
  return [theme, () => set((now) => NEXT[now])];
}

export function ThemeButton({ theme, next }: { theme: Theme; next: () => void }) {
  const label = `Theme: ${TEXT[theme]}. Change to ${TEXT[NEXT[theme]]}`;
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} onClick={next}>
      <Icon name={ICON[theme]} />
    </button>
  );
}

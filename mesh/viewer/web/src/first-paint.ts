// Runs before the first paint, so that the chosen theme does not flash.
try {
  const chosen = localStorage.getItem("tradewind.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // No storage: the system's theme it is.
}

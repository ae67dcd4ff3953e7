import { render } from "preact";
import { loadServices } from "./colours";
import { listenToKeys } from "./keys";
import { followLinks } from "./location";
import { App } from "./parts/app";

/** Longer than this the first paint does not wait for the services, whose order decides colours. */
const PATIENCE_MS = 300;

followLinks();
listenToKeys();
const root = document.getElementById("app");
const known = loadServices().catch(() => undefined);
const enough = new Promise((resolve) => window.setTimeout(resolve, PATIENCE_MS));
void Promise.race([known, enough]).then(() => {
  if (root) render(<App />, root);
});

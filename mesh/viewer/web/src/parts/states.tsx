// What a page shows when it has nothing to show yet.
import type { ComponentChildren } from "preact";
import type { ApiError } from "../api";
import { Icon, type IconName } from "./icons";

export function Loading({ what }: { what: string }) {
  return (
    <div class="state" role="status">
      <div class="spinner" />
      <p>Loading {what} …</p>
    </div>
  );
}

export function Failed({ error, again }: { error: ApiError; again?: () => void }) {
  return (
    <div class="state" role="alert">
      <div class="state-sign bad">
        <Icon name="error" size={22} />
      </div>
      <h2>{error.status === 0 ? "No answer" : error.status === 400 ? "That cannot be asked" : "That did not work"}</h2>
      <p>{error.message}</p>
      {again && (
        <button type="button" class="button" onClick={again}>
          <Icon name="refresh" /> Try again
        </button>
      )}
    </div>
  );
}

export function Empty(props: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="state">
      <div class="state-sign">
        <Icon name={props.icon} size={22} />
      </div>
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

/** A thin line on top of what is being refreshed. */
export function Busy({ on }: { on: boolean }) {
  return <div class={on ? "busy on" : "busy"} aria-hidden="true" />;
}

/** What is shown is older than it should be: the last refresh failed. */
export function Stale({ error, again }: { error: ApiError; again: () => void }) {
  return (
    <div class="banner warn stale" role="alert">
      <Icon name="error" />
      <div>
        {error.message} What you see is the last answer.{" "}
        <button type="button" class="text-button" onClick={again}>
          Try again
        </button>
      </div>
    </div>
  );
}

import { useEffect, useState } from "preact/hooks";
import { useServices } from "../colours";
import { parseDuration } from "../format";
import { useData } from "../loading";
import { Icon } from "../parts/icons";
import { LOOKBACKS, type Search } from "./query";

/** µs since 1970 as a `datetime-local` field wants it, and back. */
function toField(us: string): string {
  const number = Number(us);
  if (!number) return "";
  const date = new Date(number / 1_000);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}

function fromField(text: string): string {
  const time = new Date(text).getTime();
  return Number.isFinite(time) ? String(time * 1_000) : "";
}

function DurationField(props: {
  id: string;
  label: string;
  value: string;
  example: string;
  set: (text: string) => void;
}) {
  const wrong = props.value.trim() !== "" && parseDuration(props.value) === undefined;
  return (
    <div class="field">
      <label for={props.id}>{props.label}</label>
      <input
        id={props.id}
        type="text"
        placeholder={props.example}
        value={props.value}
        aria-invalid={wrong}
        aria-describedby={wrong ? `${props.id}-wrong` : undefined}
        onInput={(event) => props.set(event.currentTarget.value)}
      />
      {wrong && (
        <p class="field-wrong" id={`${props.id}-wrong`}>
          Like 1.5s, 200ms or 300us
        </p>
      )}
    </div>
  );
}

export function SearchForm(props: { search: Search; submit: (search: Search) => void; busy: boolean }) {
  const [draft, set] = useState(props.search);
  const services = useServices();
  const operations = useData<string[]>(
    draft.service ? `/api/services/${encodeURIComponent(draft.service)}/operations` : undefined,
  );
  useEffect(() => set(props.search), [JSON.stringify(props.search)]);

  const edit = (changed: Partial<Search>) => set((before) => ({ ...before, ...changed }));
  /** What is chosen, not typed, counts at once. */
  const choose = (changed: Partial<Search>) => {
    const chosen = { ...draft, ...changed };
    set(chosen);
    props.submit(chosen);
  };
  const names = services.includes(draft.service) || !draft.service ? services : [draft.service, ...services];
  const known = operations.data ?? [];
  const choices = known.includes(draft.operation) || !draft.operation ? known : [draft.operation, ...known];

  return (
    <form
      class="filters"
      aria-label="Search traces"
      onSubmit={(event) => {
        event.preventDefault();
        props.submit(draft);
      }}
    >
      <div class="field">
        <label for="service">Service</label>
        <select
          id="service"
          value={draft.service}
          onChange={(event) => choose({ service: event.currentTarget.value, operation: "" })}
        >
          <option value="">All services</option>
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for="operation">Operation</label>
        <select
          id="operation"
          value={draft.operation}
          disabled={!draft.service}
          onChange={(event) => choose({ operation: event.currentTarget.value })}
        >
          <option value="">{draft.service ? "All operations" : "Choose a service first"}</option>
          {choices.map((name) => (
            <option key={name} value={name}>
              {name.slice(0, 200)}
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for="tags">Attributes</label>
        <input
          id="tags"
          class="mono"
          type="text"
          placeholder="rpc.response.status_code=INTERNAL"
          spellcheck={false}
          autocomplete="off"
          value={draft.tags}
          aria-describedby="tags-help"
          onInput={(event) => edit({ tags: event.currentTarget.value })}
        />
        <p class="field-help" id="tags-help">
          <code>key=value</code>, all must match one span
        </p>
      </div>
      <div class="two">
        <DurationField
          id="min-duration"
          label="Min duration"
          example="5ms"
          value={draft.minDuration}
          set={(minDuration) => edit({ minDuration })}
        />
        <DurationField
          id="max-duration"
          label="Max duration"
          example="1.5s"
          value={draft.maxDuration}
          set={(maxDuration) => edit({ maxDuration })}
        />
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={draft.errors}
          onChange={(event) => choose({ errors: event.currentTarget.checked })}
        />
        Only traces with errors
      </label>
      <div class="field">
        <label for="lookback">Time range</label>
        <select
          id="lookback"
          value={draft.lookback}
          onChange={(event) => {
            const lookback = event.currentTarget.value;
            if (lookback !== "custom") choose({ lookback, start: "", end: "" });
            else edit({ lookback, start: String((Date.now() - 3_600_000) * 1_000), end: String(Date.now() * 1_000) });
          }}
        >
          {LOOKBACKS.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </div>
      {draft.lookback === "custom" && (
        <>
          <div class="field">
            <label for="start">From</label>
            <input
              id="start"
              type="datetime-local"
              step="1"
              value={toField(draft.start)}
              onInput={(event) => edit({ start: fromField(event.currentTarget.value) })}
            />
          </div>
          <div class="field">
            <label for="end">To</label>
            <input
              id="end"
              type="datetime-local"
              step="1"
              value={toField(draft.end)}
              onInput={(event) => edit({ end: fromField(event.currentTarget.value) })}
            />
          </div>
        </>
      )}
      <div class="field">
        <label for="limit">Most results</label>
        <select id="limit" value={draft.limit} onChange={(event) => choose({ limit: event.currentTarget.value })}>
          {[...new Set(["20", "100", "500", "2000", draft.limit])].map((value) => (
            <option key={value} value={value}>
              {value}
            </option>
          ))}
        </select>
      </div>
      <button type="submit" class="button primary" disabled={props.busy}>
        <Icon name="search" /> Find traces
      </button>
    </form>
  );
}

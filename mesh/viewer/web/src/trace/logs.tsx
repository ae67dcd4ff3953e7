// The trace's log lines in time order.
import { useMemo, useState } from "preact/hooks";
import type { LogLine } from "../api";
import { clock, duration, oneLine, plural, visible } from "../format";
import type { Loaded } from "../loading";
import { Segments, ServiceName } from "../parts/controls";
import { Empty, Failed, Loading } from "../parts/states";
import { severityClass } from "./details";
import type { Model, Node } from "./model";
import { Value } from "./values";

type Least = "all" | "info" | "warn" | "error";
const NUMBER: Record<Least, number> = { all: 0, info: 9, warn: 13, error: 17 };

export function Logs(props: {
  logs: Loaded<LogLine[]>;
  model: Model;
  cursor: Node | undefined;
  open: (node: Node) => void;
}) {
  const { logs, model } = props;
  const [least, setLeast] = useState<Least>("all");
  const [text, setText] = useState("");
  const shown = useMemo(() => {
    const wanted = text.trim().toLowerCase();
    return (logs.data ?? []).filter(
      (line) =>
        line.severityNumber >= NUMBER[least] &&
        (!wanted ||
          `${line.service} ${line.body} ${line.attributes.map((each) => `${each.key}=${each.value}`).join(" ")}`
            .toLowerCase()
            .includes(wanted)),
    );
  }, [logs.data, least, text]);

  if (logs.error) return <Failed error={logs.error} again={logs.again} />;
  if (!logs.data) return <Loading what="log lines" />;
  if (!logs.data.length) {
    return (
      <Empty icon="list" title="No log lines with this trace id">
        <p>Lines that the processes write inside of this trace appear here.</p>
      </Empty>
    );
  }
  return (
    <div class="logs">
      <div class="logs-head">
        <Segments
          label="Least severity"
          value={least}
          onChange={setLeast}
          options={[
            ["all", "All"],
            ["info", "Info"],
            ["warn", "Warn"],
            ["error", "Error"],
          ]}
        />
        <input
          type="search"
          placeholder="Filter lines …"
          aria-label="Filter lines"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <span class="faint" role="status">
          {plural(shown.length, "line")}
        </span>
      </div>
      <table class="table log-table">
        <thead>
          <tr>
            <th>Time</th>
            <th>From start</th>
            <th>Severity</th>
            <th>Service</th>
            <th>Message</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((line, index) => {
            const node = model.byId.get(line.spanID);
            return (
              <tr
                key={index}
                class={`log-line ${severityClass(line)} ${node && node === props.cursor ? "current" : ""}`}
              >
                <td class="mono nowrap">{clock(line.time, "us")}</td>
                <td class="mono nowrap number">{duration(line.time - model.start)}</td>
                <td>
                  <span class={`severity ${severityClass(line)}`}>{oneLine(line.severity, 12)}</span>
                </td>
                <td class="nowrap">
                  <ServiceName service={line.service} />
                </td>
                <td class="log-body">
                  {node ? (
                    <button
                      type="button"
                      class="text-button plain"
                      title="Open its span"
                      onClick={() => props.open(node)}
                    >
                      {visible(line.body.slice(0, 2_000))}
                    </button>
                  ) : (
                    visible(line.body.slice(0, 2_000))
                  )}
                  {line.attributes.length > 0 && (
                    <div class="log-attributes">
                      {line.attributes.map((each, at) => (
                        <span key={at}>
                          <b>{oneLine(each.key, 80)}</b>
                          <Value value={each.value} />
                        </span>
                      ))}
                    </div>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

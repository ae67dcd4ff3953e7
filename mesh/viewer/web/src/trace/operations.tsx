// Where the time went, by operation.
import { useMemo, useState } from "preact/hooks";
import { colour } from "../colours";
import { duration, oneLine, shortOperation } from "../format";
import { ServiceName } from "../parts/controls";
import type { Model } from "./model";

interface Line {
  service: string;
  operation: string;
  count: number;
  errors: number;
  own: number;
  total: number;
  longest: number;
  critical: number;
}

type Column = "own" | "total" | "count" | "longest" | "critical" | "errors";
const COLUMNS: [Column, string, string][] = [
  ["own", "In itself", "Time in none of its children"],
  ["critical", "Critical path", "Time on the critical path"],
  ["total", "Total", "Sum of durations; what runs side by side counts twice"],
  ["longest", "Longest", "The longest of its spans"],
  ["count", "Spans", "Number of spans"],
  ["errors", "Errors", "Spans with errors"],
];

export function Operations({ model, find }: { model: Model; find: (text: string) => void }) {
  const [by, setBy] = useState<Column>("own");
  const lines = useMemo(() => {
    const found = new Map<string, Line>();
    for (const node of model.nodes) {
      const key = `${node.service}\n${node.span.operationName}`;
      const line = found.get(key) ?? {
        service: node.service,
        operation: node.span.operationName,
        count: 0,
        errors: 0,
        own: 0,
        total: 0,
        longest: 0,
        critical: 0,
      };
      line.count += 1;
      line.errors += node.error ? 1 : 0;
      line.own += node.own;
      line.total += node.span.duration;
      line.longest = Math.max(line.longest, node.span.duration);
      line.critical += model.critical.get(node)?.reduce((sum, each) => sum + each.end - each.start, 0) ?? 0;
      found.set(key, line);
    }
    return [...found.values()].sort((one, other) => other[by] - one[by]);
  }, [model, by]);
  const most = Math.max(...lines.map((line) => line[by]), 1);

  return (
    <div class="logs">
      <table class="table">
        <thead>
          <tr>
            <th>Service</th>
            <th>Operation</th>
            {COLUMNS.map(([column, name, title]) => (
              <th key={column} class="number" aria-sort={by === column ? "descending" : undefined}>
                <button type="button" class="text-button plain" title={title} onClick={() => setBy(column)}>
                  {name}
                  {by === column ? " ↓" : ""}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <tr key={`${line.service}\n${line.operation}`}>
              <td class="nowrap">
                <ServiceName service={line.service} />
              </td>
              <td class="share-cell">
                <div
                  class="share-bar"
                  style={{ width: `${(line[by] / most) * 100}%`, background: colour(line.service) }}
                />
                <button
                  type="button"
                  class="text-button plain"
                  title="Find these spans"
                  onClick={() => find(line.operation)}
                >
                  {oneLine(shortOperation(line.operation), 160)}
                </button>
              </td>
              {COLUMNS.map(([column]) => (
                <td key={column} class={column === "errors" && line.errors ? "number bad-text" : "number"}>
                  {column === "count" || column === "errors" ? line[column] : duration(line[column])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

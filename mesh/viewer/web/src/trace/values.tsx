// Attributes as text, however large or odd they are.
import { useState } from "preact/hooks";
import type { KeyValue } from "../api";
import { withParameters } from "../api";
import { bytes, oneLine, visible } from "../format";
import { CopyButton } from "../parts/controls";
import { Icon } from "../parts/icons";

const SHOWN = 1_000;
const MOST = 200_000;

function pretty(value: string): string {
  if (!/^\s*[[{]/.test(value) || value.length > MOST) return value;
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}

export function Value({ value }: { value: KeyValue["value"] }) {
  const [all, set] = useState(false);
  if (typeof value !== "string") return <span class={`value ${typeof value}`}>{String(value)}</span>;
  if (value === "") return <span class="value faint">empty</span>;
  const text = pretty(value);
  const long = text.length > SHOWN;
  return (
    <>
      <span class={text.includes("\n") ? "value block" : "value"}>{visible(text.slice(0, all ? MOST : SHOWN))}</span>
      {long && (
        <button type="button" class="text-button" onClick={() => set(!all)}>
          {all ? "Show less" : `… show all ${bytes(text.length)}`}
        </button>
      )}
    </>
  );
}

function asTag({ key, value }: KeyValue): string {
  const text = String(value);
  return /[\s"=\\]/.test(text) || text === "" ? `${key}="${text.replace(/(["\\])/g, "\\$1")}"` : `${key}=${text}`;
}

export function Attributes({ tags, search }: { tags: KeyValue[]; search?: boolean }) {
  return (
    <table class="attributes">
      <tbody>
        {tags.map((each, index) => (
          <tr key={index}>
            <th scope="row">{oneLine(each.key, 200)}</th>
            <td>
              <Value value={each.value} />
            </td>
            <td class="attribute-tools">
              {search && String(each.value).length < 200 && (
                <a
                  class="icon-button small"
                  href={withParameters("/search", { tags: asTag(each), lookback: "all" })}
                  aria-label={`Search traces with this ${oneLine(each.key, 60)}`}
                  title="Search traces with this"
                >
                  <Icon name="search" size={13} />
                </a>
              )}
              <CopyButton text={String(each.value)} label={`Copy ${oneLine(each.key, 60)}`} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

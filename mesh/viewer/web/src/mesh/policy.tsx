// The policy document, as it is in force.
import { visible } from "../format";
import { CopyButton } from "../parts/controls";

const MOST = 64 << 10;

/** A line of YAML in its parts; what it is not sure about stays plain text. */
function Line({ text }: { text: string }) {
  const found = /^(\s*(?:- )?)([^\s#:][^#:]*:)(\s.*|)$/.exec(text);
  if (/^\s*#/.test(text)) return <span class="yaml-comment">{text}</span>;
  if (!found) return <>{text}</>;
  return (
    <>
      {found[1]}
      <span class="yaml-key">{found[2]}</span>
      {found[3]}
    </>
  );
}

export function Policy({ document }: { document: string }) {
  const text = visible(document.slice(0, MOST)).trimEnd();
  if (!text || text === "{}")
    return <p class="panel-note">The policy is empty: what the contracts say is in force, and nothing else.</p>;
  return (
    <div class="policy">
      <CopyButton text={document} label="Copy the policy" />
      <pre tabIndex={0} role="region" aria-label="Policy document">
        <ol>
          {text.split("\n").map((line, index) => (
            <li key={index}>
              <Line text={line} />
            </li>
          ))}
        </ol>
      </pre>
    </div>
  );
}

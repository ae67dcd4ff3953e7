// Small controls that several pages use.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { colour } from "../colours";
import { oneLine } from "../format";
import { Icon, type IconName } from "./icons";

export function ServiceDot({ service }: { service: string }) {
  return <span class="dot" style={{ background: colour(service) }} aria-hidden="true" />;
}

export function ServiceName({ service }: { service: string }) {
  return (
    <span class="service">
      <ServiceDot service={service} />
      {oneLine(service, 60)}
    </span>
  );
}

export function Segments<T extends string>(props: {
  label: string;
  value: T;
  options: readonly (readonly [T, ComponentChildren])[];
  onChange: (value: T) => void;
}) {
  return (
    <div class="segments" role="group" aria-label={props.label}>
      {props.options.map(([value, text]) => (
        <button type="button" key={value} aria-pressed={props.value === value} onClick={() => props.onChange(value)}>
          {text}
        </button>
      ))}
    </div>
  );
}

export function IconButton(props: {
  icon: IconName;
  label: string;
  onClick: () => void;
  pressed?: boolean;
  disabled?: boolean;
}) {
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={props.label}
      title={props.label}
      aria-pressed={props.pressed}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [done, set] = useState(false);
  const timer = useRef(0);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return;
    }
    set(true);
    timer.current = window.setTimeout(() => set(false), 1_200);
  };
  return (
    <button type="button" class="icon-button small" aria-label={label} title={done ? "Copied" : label} onClick={copy}>
      {done ? <span class="copied">✓</span> : <Icon name="copy" size={13} />}
    </button>
  );
}

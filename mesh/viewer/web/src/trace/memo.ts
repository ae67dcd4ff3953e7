// Like React's memo: draws anew only when a property changed.
import { Component, createElement, type ComponentChildren, type FunctionComponent } from "preact";

export function memo<P extends object>(draw: (props: P) => ComponentChildren): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const now = this.props as Record<string, unknown>;
      const then = next as Record<string, unknown>;
      return Object.keys(then).some((key) => now[key] !== then[key]);
    }

    override render(props: P): ComponentChildren {
      return draw(props);
    }
  }
  return (props: P) => createElement(Memo as never, props as never);
}

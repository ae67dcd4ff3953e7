import { useEffect, useRef } from "preact/hooks";
import { groupsNow } from "../keys";
import { IconButton } from "./controls";

function Keys({ keys }: { keys: string }) {
  return (
    <span class="keys">
      {keys.split(", ").map((each, index) => (
        <>
          {index > 0 && <span class="faint">or</span>}
          {each.split(" ").map((key) => (
            <kbd>{key === "" ? "Space" : key.replace("Arrow", "").replace("Escape", "Esc")}</kbd>
          ))}
        </>
      ))}
    </span>
  );
}

export function Help({ open, close }: { open: boolean; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open) dialog.current?.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-label="Keyboard shortcuts"
      onClose={close}
      onClick={(event) => event.target === dialog.current && close()}
      onKeyDown={(event) => event.key === "?" && close()}
    >
      {open && (
        <div class="help-inside">
          <header>
            <h2>Keyboard shortcuts</h2>
            <IconButton icon="close" label="Close" onClick={close} />
          </header>
          <div class="help-groups">
            {groupsNow().map((group) => (
              <section>
                <h3>{group.title}</h3>
                <dl>
                  {group.shortcuts
                    .filter((each) => !each.hidden)
                    .map((each) => (
                      <div>
                        <dt>{each.does}</dt>
                        <dd>
                          <Keys keys={each.keys} />
                        </dd>
                      </div>
                    ))}
                </dl>
              </section>
            ))}
          </div>
        </div>
      )}
    </dialog>
  );
}

// Orders that live and what the ledger holds.
import type { MeshState } from "../api";
import { count, oneLine } from "../format";

export function Books({ orders, ledger }: Pick<MeshState, "orders" | "ledger">) {
  const most = Math.max(...(orders ?? []).map((each) => each.count), 1);
  return (
    <div class="books">
      {orders && (
        <table class="table">
          <thead>
            <tr>
              <th>Orders by state</th>
              <th class="number">Now</th>
            </tr>
          </thead>
          <tbody>
            {orders.map((each) => (
              <tr key={each.state}>
                <td class="share-cell">
                  <div
                    class="share-bar"
                    style={{ width: `${(each.count / most) * 100}%`, background: "var(--accent)" }}
                  />
                  {oneLine(each.state, 40)}
                </td>
                <td class="number">{count(each.count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {ledger && (
        <table class="table">
          <thead>
            <tr>
              <th>Ledger</th>
              <th class="number">Total</th>
            </tr>
          </thead>
          <tbody>
            {ledger.map((each) => (
              <tr key={each.name}>
                <td>{oneLine(each.name, 60)}</td>
                <td class="number">
                  {oneLine(each.total, 60)} {each.unit && <span class="faint">{oneLine(each.unit, 12)}</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

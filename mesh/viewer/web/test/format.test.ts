import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ago,
  bytes,
  clock,
  clockTicks,
  duration,
  health,
  oneLine,
  parseDuration,
  plural,
  rate,
  share,
  shortOperation,
  ticks,
  visible,
} from "../src/format";

describe("durations", () => {
  it("are short, with three digits", () => {
    const found = [0, 999, 1_000, 1_234, 12_345, 123_456, 999_600, 1_500_000, 61_000_000, 7_320_000_000].map(duration);
    assert.deepEqual(found, ["0µs", "999µs", "1ms", "1.23ms", "12.3ms", "123ms", "1s", "1.5s", "1m 1s", "2h 2m"]);
  });

  it("are read as they are written", () => {
    assert.deepEqual(
      ["300us", "300µs", "1.5s", " 20 ms ", "2m", "500ns"].map(parseDuration),
      [300, 300, 1_500_000, 20_000, 120_000_000, 0.5],
    );
    for (const wrong of ["", "5", "ms", "-1s", "1.s", "1s 2ms", "1e3ms"])
      assert.equal(parseDuration(wrong), undefined, wrong);
  });
});

describe("times", () => {
  it("keep their microseconds", () => {
    const us = new Date(2026, 10, 24, 13, 5, 9).getTime() * 1_000 + 4_056;
    assert.equal(clock(us, "us"), "13:05:09.004056");
    assert.equal(clock(us, "ms"), "13:05:09.004");
    assert.equal(clock(us, "minutes"), "13:05");
  });

  it("are told as a distance", () => {
    assert.deepEqual(
      [0, 30, 300, 7_200, 200_000].map((past) => ago(0, past * 1e6)),
      ["just now", "30 s ago", "5 min ago", "2 h ago", "2 d ago"],
    );
  });

  it("have ticks at round clock times", () => {
    const from = new Date(2026, 10, 24, 13, 1, 7).getTime() * 1_000;
    const found = clockTicks(from, from + 10 * 60e6, 5).map((each) => clock(each));
    assert.deepEqual(found, ["13:02:00", "13:04:00", "13:06:00", "13:08:00", "13:10:00"]);
  });
});

describe("numbers", () => {
  it("have units that fit", () => {
    assert.deepEqual([0, 0.05, 0.5, 12.34, 1_234].map(rate), ["0/s", "3/min", "0.5/s", "12.3/s", "1234/s"]);
    assert.deepEqual([0, 0.0001, 0.0055, 0.0123, 0.5, 1].map(share), ["0%", "<0.1%", "0.55%", "1.2%", "50%", "100%"]);
    assert.deepEqual([12, 2_048, 5 << 20].map(bytes), ["12 B", "2 kB", "5 MB"]);
    assert.deepEqual([plural(1, "span"), plural(1_200, "span")], ["1 span", "1,200 spans"]);
  });

  it("have round ticks within their range", () => {
    assert.deepEqual(ticks(0, 10_000, 5), [0, 2_000, 4_000, 6_000, 8_000, 10_000]);
    assert.deepEqual(ticks(5, 5, 5), [5]);
  });

  it("are failing from one in a hundred on", () => {
    assert.deepEqual([0, 0.0099, 0.01].map(health), ["good", "warn", "bad"]);
  });
});

describe("texts of strangers", () => {
  it("show control characters and cannot turn the direction of text", () => {
    assert.equal(visible("a\u0000b\u202ec"), "a\\x00b\ufffdc");
    assert.equal(oneLine("a\nb\tc"), "a\\nb\\tc");
  });

  it("are cut, and never empty", () => {
    assert.equal(oneLine("x".repeat(500), 10), `${"x".repeat(10)}…`);
    assert.equal(oneLine(""), "(no name)");
  });

  it("lose a method's package, and nothing else", () => {
    assert.equal(shortOperation("tradewind.order.v1.OrderService/CreateOrder"), "OrderService/CreateOrder");
    for (const other of ["POST /api/v1/orders", "SELECT orders", "a.b/c"]) assert.equal(shortOperation(other), other);
  });
});

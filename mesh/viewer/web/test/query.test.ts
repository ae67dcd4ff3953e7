import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Summary } from "../src/api";
import { withParameters } from "../src/api";
import { askedOf, fits, ordered, readSearch, writeSearch } from "../src/search/query";

const read = (text: string) => readSearch(new URLSearchParams(text));

function summary(changed: Partial<Summary>): Summary {
  return {
    traceID: "1",
    startTime: 1,
    duration: 1_000,
    rootService: "edge",
    rootOperation: "GET /",
    spanCount: 1,
    errorCount: 0,
    services: [],
    ...changed,
  };
}

describe("a search in the address", () => {
  it("comes back as it was written", () => {
    const text =
      "service=order&operation=GetQuote&tags=rpc.method%3Da+b%3D%22c+d%22&minDuration=5ms&maxDuration=1s&errors=true&lookback=6h&limit=20";
    const search = read(text);
    assert.deepEqual(readSearch(new URL(withParameters("http://x/", writeSearch(search))).searchParams), search);
    assert.equal(withParameters("", writeSearch(search)), `?${text}`);
  });

  it("leaves out what is usual", () => {
    assert.equal(withParameters("/search", writeSearch(read(""))), "/search");
  });

  it("understands links of Jaeger UI", () => {
    const search = read(
      'service=order&tags={"http.status_code":"500","note":"a b"}&start=5&end=9&lookback=custom&limit=20',
    );
    assert.equal(search.tags, 'http.status_code=500 note="a b"');
    assert.equal(search.lookback, "custom");
    assert.deepEqual(askedOf(search).start, "5");
    assert.equal(askedOf(search).lookback, undefined);
  });

  it("takes tags that are no JSON as they are", () => {
    assert.equal(read("tags={broken").tags, "{broken");
  });

  it("asks for everything without a time", () => {
    const asked = askedOf(read("lookback=all"));
    assert.equal(asked.lookback, undefined);
    assert.equal(asked.limit, "100");
  });
});

describe("results", () => {
  it("are put in the order that is wanted", () => {
    const list = [
      summary({ traceID: "a", startTime: 1, duration: 9 }),
      summary({ traceID: "b", startTime: 2, duration: 5, errorCount: 1 }),
    ];
    const names = (order: Parameters<typeof ordered>[1]) =>
      ordered(list, order)
        .map((each) => each.traceID)
        .join("");
    assert.deepEqual([names("newest"), names("longest"), names("shortest"), names("errors")], ["ba", "ab", "ba", "ba"]);
  });

  it("of the live tail keep to the durations", () => {
    const search = read("minDuration=1ms&maxDuration=2ms");
    assert.deepEqual(
      [999, 1_000, 2_000, 2_001].map((duration) => fits(search, summary({ duration }))),
      [false, true, true, false],
    );
  });
});

import { expect, test, vi } from "vitest";
import { Lines } from "../src/table/lines.js";
import type { Window } from "../src/table/source.js";
import { Session, held, settled } from "./fake.js";

/** The lines of a session of `total` failures, and what they tell the grid. */
function linesOf(total: number) {
  const session = new Session(total);
  const arrived = vi.fn<(moved: number) => void>();
  const failed = vi.fn<(error: unknown) => void>();
  return { session, arrived, failed, lines: new Lines(session, arrived, failed) };
}

/** The numbers of the failures on lines `first` up to `last`. */
const numbers = (lines: Lines, first: number, last: number) =>
  Array.from({ length: last - first }, (_, place) => lines.at(first + place)?.number);

test("the first lines come with the state: nothing is asked for them", async () => {
  const { session, lines } = linesOf(1000);
  expect(lines.count).toBe(1000);
  lines.want(0, 20);
  expect(numbers(lines, 0, 3)).toEqual([1000, 999, 998]);
  session.arrive(2);
  lines.want(0, 20);
  expect(numbers(lines, 0, 3)).toEqual([1002, 1001, 1000]);
  await settled();
  expect(session.window).not.toHaveBeenCalled();
});

test("a short table is held whole, whatever is wanted beyond its end", async () => {
  const { session, lines } = linesOf(3);
  lines.want(0, 100);
  await settled();
  expect(numbers(lines, 0, 4)).toEqual([3, 2, 1, undefined]);
  expect(session.window).not.toHaveBeenCalled();
});

test("lines further down are asked for with some around them, which are then held", async () => {
  const { session, arrived, lines } = linesOf(1000);
  lines.want(500, 520);
  expect(lines.at(500)).toBeUndefined();
  await settled();
  expect(session.window.mock.calls.map((asked) => asked.slice(0, 2))).toEqual([[460, 100]]);
  expect(arrived.mock.calls).toEqual([[0]]);
  expect(numbers(lines, 500, 502)).toEqual([500, 499]);
  lines.want(465, 485);
  lines.want(535, 560);
  await settled();
  expect(session.window).toHaveBeenCalledTimes(1);
});

test("the lines that a view holds never become more than a block", async () => {
  const { lines } = linesOf(100_000);
  for (let first = 0; first < 2000; first += 100) {
    lines.want(first, first + 20);
    await settled();
  }
  const all = Array.from({ length: 2100 }, (_, line) => lines.at(line));
  expect(all.filter(Boolean)).toHaveLength(100);
});

test("one request at a time: what is wanted meanwhile is asked when that is answered", async () => {
  const { session, lines, arrived } = linesOf(1000);
  const answer = held<Window>();
  session.window.mockReturnValueOnce(answer.promise);
  arrived.mockImplementation(() => lines.want(900, 920)); // as the grid does, for what it sees then
  for (const first of [500, 600, 700, 900]) lines.want(first, first + 20);
  await settled();
  expect(session.window).toHaveBeenCalledTimes(1);
  answer.resolve({ version: 1, start: 460, lines: 1000, rows: session.rows(460, 100) });
  await settled();
  expect(session.window.mock.calls.map(([start]) => start)).toEqual([460, 860]);
  expect(numbers(lines, 900, 902)).toEqual([100, 99]);
});

test("lines of an older version are shown until those of now are there", async () => {
  const { session, lines, arrived } = linesOf(1000);
  lines.want(500, 520);
  await settled();
  session.arrive(3);
  lines.want(500, 520);
  expect(numbers(lines, 500, 502)).toEqual([500, 499]);
  await settled();
  expect(session.window).toHaveBeenLastCalledWith(500, 60, "f500");
  expect(arrived).toHaveBeenLastCalledWith(3);
  expect(numbers(lines, 503, 505)).toEqual([500, 499]);
  lines.want(503, 523);
  await settled();
  expect(session.window).toHaveBeenCalledTimes(2);
});

test("an answer that is older than the state is shown, and asked for again", async () => {
  const { session, lines, arrived } = linesOf(1000);
  arrived.mockImplementation(() => lines.want(500, 520));
  const answer = held<Window>();
  session.window.mockReturnValueOnce(answer.promise);
  lines.want(500, 520);
  session.tell();
  answer.resolve({ version: 1, start: 460, lines: 1000, rows: session.rows(460, 100) });
  await settled();
  expect(session.window).toHaveBeenCalledTimes(2);
  expect(session.window).toHaveBeenLastCalledWith(500, 60, "f500");
});

test("back at the top, nothing is asked, and an answer that comes then moves nothing", async () => {
  const { session, lines, arrived } = linesOf(1000);
  lines.want(500, 520);
  await settled();
  const answer = held<Window>();
  session.window.mockReturnValueOnce(answer.promise);
  session.arrive(3);
  lines.want(500, 520);
  lines.want(0, 20);
  expect(numbers(lines, 0, 2)).toEqual([1003, 1002]);
  answer.resolve({ version: 2, start: 503, lines: 1003, rows: session.rows(503, 60) });
  await settled();
  expect(arrived).toHaveBeenLastCalledWith(0);
});

test("a group that a newer failure takes to the top does not take the view along", async () => {
  const { session, lines, arrived } = linesOf(1000);
  lines.want(500, 520);
  await settled();
  session.window.mockImplementationOnce(async () => {
    const [newest, ...rest] = session.rows(0, 60); // the group's newest is another failure now
    return { version: 2, start: 0, lines: 1000, rows: [{ ...newest!, key: "f500" }, ...rest] };
  });
  arrived.mockImplementation(() => lines.want(500, 520));
  session.tell();
  lines.want(500, 520);
  await settled();
  expect(arrived.mock.calls.filter(([moved]) => moved)).toEqual([]);
  expect(lines.at(500)).toBeDefined();
  expect(lines.at(519)).toBeDefined();
});

test("an error is told once; the lines are asked for again when they are wanted again", async () => {
  const { session, lines, arrived, failed } = linesOf(1000);
  const error = new Error("the kernel is gone");
  session.window.mockRejectedValueOnce(error);
  lines.want(500, 520);
  await settled();
  expect(failed.mock.calls).toEqual([[error]]);
  expect(arrived).not.toHaveBeenCalled();
  expect(session.window).toHaveBeenCalledTimes(1);
  lines.want(500, 520);
  await settled();
  expect(numbers(lines, 500, 502)).toEqual([500, 499]);
  expect(failed).toHaveBeenCalledTimes(1);
});

test("a line is found where it is held", async () => {
  const { lines } = linesOf(1000);
  expect(lines.find("f990")).toBe(10);
  expect(lines.find("f500")).toBe(-1);
  lines.want(500, 520);
  await settled();
  expect(lines.find("f500")).toBe(500);
});

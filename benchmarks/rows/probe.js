// What a measurement asks of a page: when something is on the screen, and how long frames took.
window.probe = {
  /** The time after the next frame was painted: a message is handled when its callbacks are done. */
  painted() {
    return new Promise((resolve) => {
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => resolve(performance.now());
        port2.postMessage(null);
      });
    });
  },

  /** The time after the first painted frame that `isThere` is true of; an error after a minute. */
  async drawn(isThere) {
    const latest = performance.now() + 60_000;
    for (;;) {
      const now = await this.painted();
      if (isThere()) return now;
      if (now > latest) throw new Error("what is waited for was not drawn");
    }
  },

  /** Whether whole lines fill a box from `first` on; `lineOf` reads an element's line. */
  shows(box, first, lineOf) {
    const x = box.left + box.width / 2;
    const [top, middle, bottom] = [4, box.height / 2, box.height - 40].map((y) =>
      lineOf(document.elementFromPoint(x, box.top + y)),
    );
    return Math.abs(top - first) <= 2 && top < middle && middle < bottom;
  },

  /** Milliseconds from each jump to a share of the height until that place's lines are painted. */
  async jumps(scroller, shares, isThere) {
    const taken = [];
    for (const share of shares) {
      await this.painted();
      await this.painted();
      const began = performance.now();
      const place = Math.round(share * (scroller.scrollHeight - scroller.clientHeight));
      scroller.scrollTop = place;
      taken.push((await this.drawn(() => isThere(scroller))) - began);
      if (Math.abs(scroller.scrollTop - place) > 1) throw new Error("it scrolled somewhere else");
    }
    return taken;
  },

  /** From now on, notes when the next key is pressed and when what follows in `element` is painted. */
  watch(element) {
    let pressed = 0;
    document.addEventListener("keydown", (event) => (pressed = event.timeStamp), {
      capture: true,
      once: true,
    });
    this.answered = new Promise((resolve) => {
      const observer = new MutationObserver(() => {
        observer.disconnect();
        resolve(this.painted().then((now) => now - pressed));
      });
      observer.observe(element, { childList: true });
    });
  },

  /** From now on, the milliseconds between any two frames; stop() returns the longest. */
  frames() {
    let longest = 0;
    let last = performance.now();
    let request = 0;
    const tick = (now) => {
      longest = Math.max(longest, now - last);
      last = now;
      request = requestAnimationFrame(tick);
    };
    request = requestAnimationFrame(tick);
    this.stop = () => {
      cancelAnimationFrame(request);
      return longest;
    };
  },
};

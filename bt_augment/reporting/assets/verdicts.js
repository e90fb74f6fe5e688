// Which rows would be accepted at which thresholds; exact at every stop (threshold_scale.py).
const UNKNOWN = 255;

class Verdicts {
  constructor(data) {
    this.rows = data.rows;
    this.routeNames = data.routes.names;
    this.routes = unpack(data.routes.column, data.rows);
    this.textless = unpack(data.textless, data.rows); // 1: accepted at no thresholds
    const methods = unpack(data.methods, data.rows);
    this.failures = new Uint16Array(data.rows); // of each row, scores that reject it
    this.scores = data.scores.map((score) => {
      const codes = unpack(score.codes, data.rows);
      const judges = score.methods;
      const all = judges.every(Boolean);
      if (!all) {
        // Rows of other methods are never rejected: a code of their own.
        for (let row = 0; row < data.rows; row++) if (!judges[methods[row]]) codes[row] = UNKNOWN + 1;
      }
      return {...score, codes, stops: score.labels.length, fails: new Uint8Array(UNKNOWN + 2)};
    });
    for (const score of this.scores) this.set(score, score.low, score.high, score.rejectNull);
    this.before = this.failures.map((count, row) => this.accepts(row));
  }

  accepts(row) {
    return Number(this.failures[row] === 0 && this.textless[row] === 0);
  }

  // low is -1 for no floor, high the number of stops for no ceiling.
  set(score, low, high, rejectNull) {
    const fails = new Uint8Array(UNKNOWN + 2);
    for (let code = 0; code < UNKNOWN; code++) {
      fails[code] = Number((low >= 0 && code < 2 * low + 1) || (high < score.stops && code > 2 * high + 1));
    }
    fails[UNKNOWN] = Number(rejectNull);
    const change = new Int8Array(UNKNOWN + 2);
    for (let code = 0; code < change.length; code++) change[code] = fails[code] - score.fails[code];
    const {codes} = score;
    for (let row = 0; row < this.rows; row++) this.failures[row] += change[codes[row]];
    Object.assign(score, {fails, now: {low, high, rejectNull}});
  }

  moved(score) {
    const {low, high, rejectNull} = score.now;
    return low !== score.low || high !== score.high || rejectNull !== score.rejectNull;
  }

  // 1: would be accepted, -1: would be rejected, 0: as it was.
  change(row) {
    return this.accepts(row) - this.before[row];
  }

  counts() {
    const total = {before: 0, accepted: 0, gained: 0, lost: 0, routes: this.routeNames.map(() => ({before: 0, accepted: 0, rows: 0}))};
    for (let row = 0; row < this.rows; row++) {
      const route = total.routes[this.routes[row]];
      const was = this.before[row];
      const is = this.accepts(row);
      route.rows += 1;
      route.before += was;
      route.accepted += is;
      total.gained += Number(is > was);
      total.lost += Number(is < was);
    }
    for (const route of total.routes) {
      total.before += route.before;
      total.accepted += route.accepted;
    }
    return total;
  }

  rejectedBy(score) {
    let rejected = 0;
    let alone = 0;
    const {codes, fails} = score;
    for (let row = 0; row < this.rows; row++) {
      if (fails[codes[row]]) {
        rejected += 1;
        if (this.failures[row] === 1) alone += 1;
      }
    }
    return {rejected, alone};
  }
}

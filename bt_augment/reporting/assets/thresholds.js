// The sliders under the histograms, and what they would change.
class Thresholds {
  constructor(verdicts, data, changed) {
    this.verdicts = verdicts;
    this.data = data;
    this.changed = changed;
    this.panel = document.getElementById('what-if');
    this.estimated = data.of !== data.rows;
    this.cards = verdicts.scores.map((score, index) => new ScoreCard(this, score, index));
    this.panel.querySelector('[data-do=reset]').addEventListener('click', () => this.reset());
    this.panel.querySelector('[data-do=copy]').addEventListener('click', () => this.copy());
    this.show();
  }

  count(rows) {
    const whole = Math.round(rows * this.data.of / Math.max(1, this.data.rows));
    return (this.estimated ? '≈ ' : '') + whole.toLocaleString('en');
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.show(); });
  }

  show() {
    const counts = this.verdicts.counts();
    this.put('accepted', this.count(counts.accepted));
    this.put('share', `${(100 * counts.accepted / Math.max(1, this.data.rows)).toFixed(1)} %`);
    this.put('gained', this.count(counts.gained));
    this.put('lost', this.count(counts.lost));
    const moved = this.verdicts.scores.filter((score) => this.verdicts.moved(score));
    this.panel.classList.toggle('moved', moved.length > 0);
    counts.routes.forEach((route, index) => {
      const row = this.panel.querySelector(`[data-route-index="${index}"]`);
      row.querySelector('[data-out=before]').textContent = this.count(route.before);
      row.querySelector('[data-out=now]').textContent = this.count(route.accepted);
      row.querySelector('[data-out=share]').textContent = `${(100 * route.accepted / Math.max(1, route.rows)).toFixed(1)} %`;
    });
    this.put('command', this.command(moved));
    for (const card of this.cards) card.show();
    this.changed(moved.length > 0);
  }

  put(name, text) {
    this.panel.querySelector(`[data-out=${name}]`).textContent = text;
  }

  command(moved) {
    const sets = [];
    for (const score of moved) {
      const {low, high, rejectNull} = score.now;
      const key = `filters.${score.name}`;
      if (low !== score.low) sets.push(`--set ${key}.min=${low < 0 ? 'null' : score.labels[low]}`);
      if (high !== score.high) sets.push(`--set ${key}.max=${high >= score.stops ? 'null' : score.labels[high]}`);
      if (rejectNull !== score.rejectNull) sets.push(`--set ${key}.on_null=${rejectNull ? 'reject' : 'pass'}`);
    }
    return [this.data.command, ...sets, '--out NEW_RUN'].join(' ');
  }

  reset() {
    for (const card of this.cards) card.reset();
    this.show();
  }

  async copy() {
    const command = this.panel.querySelector('[data-out=command]');
    getSelection().selectAllChildren(command);
    try {
      await navigator.clipboard.writeText(command.textContent);
      this.put('copied', 'copied');
    } catch {
      this.put('copied', 'selected; copy it with your keyboard');
    }
  }
}

class ScoreCard {
  constructor(owner, score, index) {
    this.owner = owner;
    this.score = score;
    this.root = document.querySelector(`[data-score="${index}"]`);
    this.root.querySelector('fieldset').disabled = false;
    this.low = this.root.querySelector('[data-side=low]');
    this.high = this.root.querySelector('[data-side=high]');
    this.unknown = this.root.querySelector('[data-side=null]');
    this.bars = [...this.root.querySelectorAll('rect')];
    this.low.addEventListener('input', () => this.move(this.low));
    this.high.addEventListener('input', () => this.move(this.high));
    if (this.unknown) this.unknown.addEventListener('change', () => this.move(null));
    this.reset();
  }

  reset() {
    const {score} = this;
    this.low.value = score.low;
    this.high.value = score.high;
    if (this.unknown) this.unknown.checked = score.rejectNull;
    this.owner.verdicts.set(score, score.low, score.high, score.rejectNull);
  }

  move(slider) {
    let low = Number(this.low.value);
    let high = Number(this.high.value);
    // A floor is on a stop or absent, and so is a ceiling; neither passes the other.
    if (slider === this.low) low = Math.min(low, high, this.score.stops - 1);
    if (slider === this.high) high = Math.max(high, low, 0);
    this.low.value = low;
    this.high.value = high;
    const rejectNull = this.unknown ? this.unknown.checked : this.score.rejectNull;
    this.owner.verdicts.set(this.score, low, high, rejectNull);
    this.owner.later();
  }

  show() {
    const {low, high} = this.score.now;
    const {labels, stops} = this.score;
    this.say('low', this.low, low < 0 ? 'none' : labels[low]);
    this.say('high', this.high, high >= stops ? 'none' : labels[high]);
    this.bars.forEach((bar, index) => bar.classList.toggle('outside', index < low || index > high));
    const {rejected, alone} = this.owner.verdicts.rejectedBy(this.score);
    this.out('rejected', this.owner.count(rejected));
    this.out('alone', this.owner.count(alone));
    this.root.classList.toggle('moved', this.owner.verdicts.moved(this.score));
    const [first, last] = [this.bars[Math.max(low, 0)], this.bars[Math.min(high, stops - 1)]];
    this.line('.floor', low < 0 ? null : Number(first.getAttribute('x')) - 0.5);
    this.line('.ceiling', high >= stops ? null : Number(last.getAttribute('x')) + Number(last.getAttribute('width')) + 0.5);
  }

  say(side, slider, text) {
    this.out(side, text);
    slider.setAttribute('aria-valuetext', text);
  }

  line(selector, x) {
    const line = this.root.querySelector(selector);
    line.classList.toggle('off', x === null);
    if (x !== null) { line.setAttribute('x1', x); line.setAttribute('x2', x); }
  }

  out(name, text) {
    this.root.querySelector(`[data-out=${name}]`).textContent = text;
  }
}

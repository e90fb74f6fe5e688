// The browser of pairs: all are in the page; this shows those that fit, a page at a time.
const PAGE = 10;

class Examples {
  constructor(verdicts) {
    this.verdicts = verdicts;
    this.section = document.getElementById('examples');
    this.pairs = [...this.section.querySelectorAll('.pair')].map((root) => ({
      root,
      row: Number(root.dataset.row),
      route: root.dataset.route,
      reasons: root.dataset.reasons.split(' ').filter(Boolean),
    }));
    this.page = 0;
    this.form = this.section.querySelector('form');
    this.form.hidden = false;
    this.form.addEventListener('submit', (event) => event.preventDefault());
    this.form.addEventListener('input', () => { this.page = 0; this.show(); });
    for (const button of this.section.querySelectorAll('[data-turn]')) {
      button.addEventListener('click', () => this.turn(Number(button.dataset.turn)));
    }
    this.show();
  }

  verdictFits(pair, wanted) {
    const change = this.verdicts.change(pair.row);
    if (wanted === 'gained') return change > 0;
    if (wanted === 'lost') return change < 0;
    return !wanted || wanted === (pair.reasons.length ? 'rejected' : 'accepted');
  }

  text(pair) {
    if (pair.text === undefined) {
      pair.text = [...pair.root.querySelectorAll('[data-text]')].map((part) => part.textContent).join('\n').toLowerCase();
    }
    return pair.text;
  }

  fits(pair) {
    const {route, verdict, reason, search} = this.form.elements;
    const wanted = search.value.toLowerCase();
    return (!route.value || pair.route === route.value)
      && this.verdictFits(pair, verdict.value)
      && (!reason.value || pair.reasons.some((own) => own === reason.value))
      && (!wanted || this.text(pair).includes(wanted));
  }

  turn(by) {
    this.page += by;
    this.show();
    this.section.querySelector('h2').scrollIntoView();
  }

  show() {
    const fitting = this.pairs.filter((pair) => this.fits(pair));
    const pages = Math.max(1, Math.ceil(fitting.length / PAGE));
    this.page = Math.min(Math.max(this.page, 0), pages - 1);
    const shown = new Set(fitting.slice(this.page * PAGE, (this.page + 1) * PAGE));
    for (const pair of this.pairs) {
      pair.root.hidden = !shown.has(pair);
      const change = this.verdicts.change(pair.row);
      const note = pair.root.querySelector('[data-out=change]');
      note.textContent = change > 0 ? 'would be accepted' : change < 0 ? 'would be rejected' : '';
    }
    const status = `${fitting.length} of ${this.pairs.length} pairs fit; page ${this.page + 1} of ${pages}`;
    for (const place of this.section.querySelectorAll('[data-out=status]')) place.textContent = status;
    for (const button of this.section.querySelectorAll('[data-turn]')) {
      const to = this.page + Number(button.dataset.turn);
      button.disabled = to < 0 || to >= pages;
    }
  }
}

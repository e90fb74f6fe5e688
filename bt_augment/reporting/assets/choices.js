// One measure's heat maps at a time; without this script all are shown.
for (const root of document.querySelectorAll('[data-choose]')) {
  const select = root.querySelector('select');
  const parts = [...root.querySelectorAll('[data-measure]')];
  const show = () => parts.forEach((part) => { part.hidden = part.dataset.measure !== select.value; });
  select.closest('.choice').hidden = parts.length < 2;
  select.addEventListener('change', show);
  show();
}
document.documentElement.classList.add('scripted');
performance.mark('report-ready');

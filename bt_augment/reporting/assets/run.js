const data = JSON.parse(document.getElementById('data').textContent);
const verdicts = new Verdicts(data);
const examples = document.querySelector('.pair') ? new Examples(verdicts) : null;
if (data.scores.length) new Thresholds(verdicts, data, () => examples?.show());
document.documentElement.classList.add('scripted');
performance.mark('report-ready');

// Elements, and pictures made of them. Whatever the log says becomes text or a number here, never markup.

const SVG = 'http://www.w3.org/2000/svg';
const OUTCOMES = ['ICAP_BLOCKED', 'ICAP_FAILED', 'ICAP_MODIFIED', 'ICAP_PASSED', 'ICAP_DISABLED', 'NO_ICAP_LOG'];
const LATENCY_STEPS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000];

function make(name, attributes, ...children) {
  const element = document.createElement(name);
  return fill(element, attributes, children);
}

function draw(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === 'onclick') element.addEventListener('click', value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null).map((child) => typeof child === 'number' ? String(child) : child));
  return element;
}

// Control characters and those that turn text around become visible.
function clean(text) {
  return String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, '\ufffd');
}

function number(value) {
  return Math.round(value).toLocaleString('en');
}

function percent(part, whole) {
  if (whole === 0) return '–';
  const share = 100 * part / whole;
  return `${share > 0 && share < 0.1 ? '< 0.1' : share.toFixed(share < 10 ? 1 : 0)} %`;
}

function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${Number((ms / 1000).toPrecision(3))} s`;
  return `${Number((ms / 60000).toPrecision(3))} min`;
}

function moment(ms) {
  if (ms === null || Number.isNaN(ms) || Math.abs(ms) > 8.64e15) return '–';
  return new Date(ms).toISOString().replace('T', ' ').replace(/\.000Z$|Z$/, '');
}

function isoRange(from, to) {
  return `${new Date(from).toISOString()}..${new Date(to).toISOString()}`;
}

function outcomeClass(action) {
  return OUTCOMES.includes(action) ? `outcome-${OUTCOMES.indexOf(action)}` : 'outcome-5';
}

// Bars or bins that are buttons: one of them takes part in the order of Tab, arrow keys go to the others.
function buttonsOf(group, items) {
  items.forEach((item, i) => {
    item.setAttribute('tabindex', i === 0 ? '0' : '-1');
    item.addEventListener('keydown', (event) => {
      const step = {ArrowRight: 1, ArrowLeft: -1, Home: -items.length, End: items.length}[event.key];
      if (step) {
        const next = items[Math.min(items.length - 1, Math.max(0, i + step))];
        items.forEach((other) => other.setAttribute('tabindex', other === next ? '0' : '-1'));
        next.focus();
        event.preventDefault();
      } else if (event.key === 'Enter' || event.key === ' ') {
        item.dispatchEvent(new MouseEvent('click'));
        event.preventDefault();
      }
    });
  });
  group.append(...items);
}

function frameOf(place, height, description) {
  const width = Math.max(260, place.clientWidth);
  const area = {left: 58, right: width - 8, top: 10, bottom: height - 24};
  const svg = draw('svg', {viewBox: `0 0 ${width} ${height}`, width, height, role: 'group', 'aria-label': description});
  place.replaceChildren(svg);
  return {svg, area, width};
}

function axisY(frame, most, words) {
  const {svg, area} = frame;
  for (const share of [0, 0.5, 1]) {
    const y = area.bottom - share * (area.bottom - area.top);
    svg.append(draw('line', {x1: area.left, x2: area.right, y1: y, y2: y, class: 'grid'}),
      draw('text', {x: area.left - 6, y: y + 4, class: 'axis end'}, words(most * share)));
  }
}

function axisTime(frame, bins) {
  const {svg, area} = frame;
  const span = bins[bins.length - 1].to - bins[0].from;
  const words = (ms) => span > 3 * 86400000 ? moment(ms).slice(5, 10) : span > 86400000 ? moment(ms).slice(5, 16) : span > 600000 ? moment(ms).slice(11, 16) : moment(ms).slice(11, 19);
  const n = Math.max(1, Math.floor((area.right - area.left) / 110));
  for (let i = 0; i <= n; i++) {
    const x = area.left + (area.right - area.left) * i / n;
    svg.append(draw('text', {x, y: area.bottom + 17, class: i === 0 ? 'axis' : i === n ? 'axis end' : 'axis middle'}, words(bins[0].from + span * i / n)));
  }
}

// A round number that is not below.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 4, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function short(value) {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(Number(value.toFixed(1)));
}

function legend(items) {
  return make('ul', {class: 'legend'}, items.map(([kind, words, click, key]) => make('li', {},
    click ? make('button', {type: 'button', class: 'plain', onclick: click, 'data-key': key}, make('span', {class: `swatch ${kind}`}), words)
      : make('span', {}, make('span', {class: `swatch ${kind}`}), words))));
}

function drawTimeline(place, bins) {
  if (!bins) {
    place.replaceChildren(make('p', {class: 'empty'}, 'No times.'));
    return;
  }
  const frame = frameOf(place, 190, 'Outcomes over time; each column is a button');
  const {svg, area} = frame;
  const total = (bin) => bin.outcomes.reduce((n, o) => n + o.count, 0);
  const most = roundUp(Math.max(...bins.map(total)));
  axisY(frame, most, short);
  axisTime(frame, bins);
  const width = (area.right - area.left) / bins.length;
  const height = area.bottom - area.top;
  buttonsOf(svg, bins.map((bin, i) => {
    const x = area.left + i * width;
    const counted = OUTCOMES.map((value) => bin.outcomes.find((o) => o.value === value)).filter((o) => o && o.count > 0);
    const words = `${moment(bin.from)} to ${moment(bin.to)}: ${counted.map((o) => `${number(o.count)} ${o.value}`).join(', ') || 'nothing'}`;
    let y = area.bottom;
    const bars = counted.map((o) => {
      const h = Math.max(1, o.count / most * height);
      y -= h;
      return draw('rect', {x: x + Math.min(1, width / 8), y: Math.max(0, y), width: Math.max(0.5, width - Math.min(2, width / 4)), height: h, class: outcomeClass(o.value)});
    });
    return draw('g', {class: 'bin', role: 'button', 'aria-label': words, 'data-key': `bin ${bin.from}`,
      onclick: () => addFilter('time', isoRange(bin.from, bin.to))},
    draw('rect', {x, y: area.top, width, height, class: 'hit'}), bars, draw('title', {}, words));
  }));
  const seen = OUTCOMES.filter((value) => bins.some((bin) => bin.outcomes.some((o) => o.value === value && o.count > 0)));
  place.append(legend(seen.map((value) => [outcomeClass(value), value, () => addFilter('action', value), `legend ${value}`])));
}

function drawDistribution(place, counts) {
  const bars = LATENCY_STEPS.map((from, i) => {
    const to = i + 1 < LATENCY_STEPS.length ? LATENCY_STEPS[i + 1] : Infinity;
    return {from, to, count: counts.reduce((n, count, k) => n + (data.edges[k] >= from && data.edges[k] < to ? count : 0), 0)};
  });
  const first = bars.findIndex((bar) => bar.count > 0);
  if (first < 0) {
    place.replaceChildren(make('p', {class: 'empty'}, 'No scans.'));
    return;
  }
  const shown = bars.slice(first, bars.findLastIndex((bar) => bar.count > 0) + 1);
  const frame = frameOf(place, 190, 'Latency of scans; each bar is a button');
  const {svg, area} = frame;
  const most = roundUp(Math.max(...shown.map((bar) => bar.count)));
  axisY(frame, most, short);
  const width = Math.min(80, (area.right - area.left) / shown.length);
  buttonsOf(svg, shown.map((bar, i) => {
    const x = area.left + i * width;
    const h = bar.count === 0 ? 0 : Math.max(1, bar.count / most * (area.bottom - area.top));
    const value = `${bar.from}..${bar.to === Infinity ? '' : bar.to}`;
    const words = `${wordsOf('latency', value)}: ${number(bar.count)}`;
    return draw('g', {class: 'bin', role: 'button', 'aria-label': words, 'data-key': `latency ${bar.from}`, onclick: () => addFilter('latency', value)},
      draw('rect', {x, y: area.top, width, height: area.bottom - area.top, class: 'hit'}),
      draw('rect', {x: x + 1, y: area.bottom - h, width: width - 2, height: h, class: 'bar'}), draw('title', {}, words));
  }));
  const every = Math.ceil(54 / width);
  shown.forEach((bar, i) => {
    if (i % every === 0) svg.append(draw('text', {x: area.left + i * width, y: area.bottom + 17, class: 'axis'}, duration(bar.from)));
  });
}

function drawPercentiles(place, bins) {
  const shares = [[0.5, 'p50'], [0.95, 'p95'], [0.99, 'p99']];
  const series = bins && shares.map(([share, name]) => ({name, values: bins.map((bin) => percentile(bin.latencies, share))}));
  if (!series || series[0].values.every((value) => value === null)) {
    place.replaceChildren(make('p', {class: 'empty'}, 'No scans with times.'));
    return;
  }
  const frame = frameOf(place, 190, 'Percentiles of the latency over time; each column is a button');
  const {svg, area} = frame;
  const most = roundUp(Math.max(...series.flatMap((s) => s.values.map((value) => value || 0))));
  axisY(frame, most, duration);
  axisTime(frame, bins);
  const width = (area.right - area.left) / bins.length;
  const x = (i) => area.left + (i + 0.5) * width;
  const y = (value) => area.bottom - value / most * (area.bottom - area.top);
  for (const {name, values} of series) {
    let path = '';
    values.forEach((value, i) => {
      if (value === null) return;
      const alone = (i === 0 || values[i - 1] === null);
      path += `${alone ? 'M' : 'L'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
      if (alone && (i + 1 === values.length || values[i + 1] === null)) path += 'h0.01';
    });
    svg.append(draw('path', {d: path, class: `line ${name}`}));
  }
  buttonsOf(svg, bins.map((bin, i) => {
    const words = `${moment(bin.from)} to ${moment(bin.to)}: ${series.map((s) => `${s.name} ${duration(s.values[i])}`).join(', ')}`;
    return draw('g', {class: 'bin', role: 'button', 'aria-label': words, 'data-key': `percentile ${bin.from}`,
      onclick: () => addFilter('time', isoRange(bin.from, bin.to))},
    draw('rect', {x: area.left + i * width, y: area.top, width, height: area.bottom - area.top, class: 'hit'}), draw('title', {}, words));
  }));
  place.append(legend(series.map((s) => [s.name, s.name])));
}

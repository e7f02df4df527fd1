// The page: what is shown under the filters of its address.

const TIME_BINS = 72;
const ITEMS = 8;
const ALL_ITEMS = 400;
const ROWS = 50;
const expanded = new Set();
let shownRows = ROWS;
let drawn = null;  // What the pictures show, to draw them again in another width.

function showAbout() {
  const many = (n, one, more) => `${number(n)} ${n === 1 ? one : more}`;
  document.getElementById('about').textContent = `${many(data.entries, 'entry', 'entries')} in ${many(data.lines, 'line', 'lines')} of ${data.files.map((name) => name === '-' ? 'standard input' : clean(name)).join(', ')}`;
  document.getElementById('made').textContent = `Made by icap-report, ${moment(Date.parse(data.made))} UTC. All times are UTC.`;
  const notes = document.getElementById('notes');
  if (data.leftOut > 0) notes.append(make('p', {class: 'note'}, `${many(data.leftOut, 'entry', 'entries')} left out when this report was made (--where, --since, --until).`));
  for (const fault of data.faults) notes.append(make('p', {class: 'note'}, `Not read to the end: ${clean(fault)}`));
  if (data.bad > 0) {
    notes.append(make('details', {class: 'note'}, make('summary', {}, `${many(data.bad, 'line does', 'lines do')} not belong to an access log`),
      make('ul', {}, data.badLines.map((bad) => make('li', {}, `line ${number(bad.line)}: ${bad.why}: `, make('code', {}, clean(bad.text)))))));
  }
}

function showChips(filters) {
  const chips = filters.map((filter, i) => {
    const words = `${labelOf(filter.name)} ${filter.not ? 'is not' : 'is'} ${wordsOf(filter.name, filter.value)}`;
    const change = (action) => () => {
      const state = readAddress();
      action(state.filters);
      writeAddress(state);
    };
    return make('li', {class: filter.not ? 'chip not' : 'chip'}, make('span', {class: 'name'}, labelOf(filter.name)),
      make('button', {type: 'button', class: 'mode', 'aria-label': `Turn around: ${words}`, title: 'Turn around', 'data-key': `mode ${i}`,
        onclick: change((all) => { all[i].not = !all[i].not; })}, filter.not ? 'is not' : 'is'),
      make('span', {class: 'value'}, wordsOf(filter.name, filter.value)),
      make('button', {type: 'button', class: 'remove', 'aria-label': `Remove: ${words}`, title: 'Remove', 'data-key': `remove ${i}`,
        onclick: change((all) => { all.splice(i, 1); })}, '×'));
  });
  document.getElementById('chips').replaceChildren(...chips);
  document.getElementById('hint').hidden = filters.length > 0;
  document.getElementById('clear').hidden = filters.length === 0;
}

function showTiles(total, latencies, rankings) {
  const count = (name, value) => (rankings.get(name).find((item) => item.value === value) || {count: 0}).count;
  const filter = (title, name, value, kind) => make('button', {type: 'button', class: `tile ${kind || ''}`, 'data-key': `tile ${value}`, onclick: () => addFilter(name, value)},
    make('span', {class: 'title'}, title), make('span', {class: 'big'}, number(count(name, value))), make('span', {class: 'small'}, percent(count(name, value), total)));
  const plain = (title, big, small) => make('div', {class: 'tile'}, make('span', {class: 'title'}, title), make('span', {class: 'big'}, big), make('span', {class: 'small'}, small || '\u00a0'));
  const previews = count('preview', 'decided on the preview');
  const previewed = previews + count('preview', 'whole body wanted');
  document.getElementById('tiles').replaceChildren(
    plain('Entries', number(total), percent(total, data.entries) + ' of all'),
    filter('Blocked', 'action', 'ICAP_BLOCKED', 'top-0'), filter('Failed', 'action', 'ICAP_FAILED', 'top-1'),
    filter('Modified', 'action', 'ICAP_MODIFIED', 'top-2'), filter('Passed', 'action', 'ICAP_PASSED', 'top-3'), filter('Not scanned', 'action', 'ICAP_DISABLED', 'top-4'),
    plain('Median latency', duration(percentile(latencies, 0.5)), `p95 ${duration(percentile(latencies, 0.95))}, p99 ${duration(percentile(latencies, 0.99))}`),
    plain('Decided on the preview', percent(previews, previewed), `of ${number(previewed)} with a preview`),
    filter('Repeated scans', 'attempts', 'repeated'));
}

function showPanels(total, rankings) {
  const panels = data.fields.map((field) => {
    const ranking = rankings.get(field.name);
    // A field that nothing has a value of says nothing, but for the rule: that none matched is an answer.
    if (field.values.length === 0 && field.name !== 'rule') return null;
    const isOpen = expanded.has(field.name);
    // Entries without a value are always the last item, and the bars are measured by the others.
    const none = ranking.filter((item) => item.value === '');
    const named = ranking.filter((item) => item.value !== '');
    const shown = [...named.slice(0, isOpen ? ALL_ITEMS : ITEMS), ...none];
    const most = Math.max(1, ...named.map((item) => item.count));
    const items = shown.map(({value, count}) => {
      const bar = draw('svg', {class: 'bar', viewBox: '0 0 100 4', preserveAspectRatio: 'none', 'aria-hidden': 'true'},
        draw('rect', {width: value === '' ? 0 : 100 * count / most, height: 4, class: field.name === 'action' ? outcomeClass(value) : 'bar'}));
      return make('li', {}, make('button', {type: 'button', class: value === '' ? 'item none' : 'item', 'data-key': `item ${field.name} ${value}`,
        'data-field': field.name, 'data-value': value, title: wordsOf(field.name, value), onclick: () => addFilter(field.name, value)},
      make('span', {class: 'value'}, wordsOf(field.name, value)), make('span', {class: 'count'}, number(count)), make('span', {class: 'share'}, percent(count, total)), bar));
    });
    const left = Math.min(named.length, ALL_ITEMS) - ITEMS;
    const toggle = left <= 0 ? null : make('button', {type: 'button', class: 'plain', 'aria-expanded': String(isOpen), 'data-key': `expand ${field.name}`, onclick: () => {
      if (!expanded.delete(field.name)) expanded.add(field.name);
      show();
    }}, isOpen ? 'Fewer' : `${number(left)} more`);
    return make('section', {class: 'panel', id: `panel-${field.name}`, 'aria-labelledby': `panel-${field.name}-title`}, make('h2', {id: `panel-${field.name}-title`}, field.label),
      items.length ? make('ul', {class: 'items'}, items) : make('p', {class: 'empty'}, 'None.'), toggle);
  });
  document.getElementById('panels').replaceChildren(...panels.filter((panel) => panel !== null));
}

function showSlowest(rows) {
  const slowest = rows.filter((row) => typeof data.rows[row].latency === 'number').sort((a, b) => data.rows[b].latency - data.rows[a].latency).slice(0, 8);
  const most = slowest.length ? Math.max(1, data.rows[slowest[0]].latency) : 1;
  const items = slowest.map((row) => {
    const action = valuesOf(row, 'action')[0] || '';
    const name = valuesOf(row, 'path')[0] || valuesOf(row, 'client')[0] || action;
    return make('li', {}, make('button', {type: 'button', class: 'item', 'data-key': `slow ${row}`, title: 'Open the entry', onclick: () => openDetail(row)},
      make('span', {class: 'value'}, clean(name)), make('span', {class: 'count'}, duration(data.rows[row].latency)),
      draw('svg', {class: 'bar', viewBox: '0 0 100 4', preserveAspectRatio: 'none', 'aria-hidden': 'true'}, draw('rect', {width: 100 * data.rows[row].latency / most, height: 4, class: outcomeClass(action)}))));
  });
  const list = document.querySelector('#slowest .items');
  list.replaceChildren(...(items.length ? items : [make('li', {class: 'empty'}, 'No scans.')]));
}

function showTable(rows, total, filters, order) {
  const entries = data.rows;
  const compare = {
    newest: (a, b) => (entries[b].time ?? -Infinity) - (entries[a].time ?? -Infinity) || b - a,
    oldest: (a, b) => (entries[a].time ?? Infinity) - (entries[b].time ?? Infinity) || a - b,
    slowest: (a, b) => (entries[b].latency ?? -1) - (entries[a].latency ?? -1) || a - b,
  }[order];
  const sorted = [...rows].sort((a, b) => compare(a, b) || a - b);
  const cells = (row, name) => valuesOf(row, name).slice(0, 3).map((value) => filterButton(name, value, `cell ${row} ${name} ${value}`));
  const lines = sorted.slice(0, shownRows).map((row) => {
    const entry = entries[row];
    const action = valuesOf(row, 'action')[0] || '';
    const why = valuesOf(row, 'threat').length ? 'threat' : 'reason';
    return make('tr', {'data-row': row},
      make('td', {class: 'time'}, make('button', {type: 'button', class: 'link open', 'data-key': `open ${row}`, 'aria-label': `Open the entry of line ${entry.line}`, onclick: () => openDetail(row)}, entry.time === null ? `line ${number(entry.line)}` : moment(entry.time))),
      make('td', {}, make('span', {class: `swatch ${outcomeClass(action)}`}), cells(row, 'action')),
      make('td', {}, cells(row, 'status')), make('td', {class: 'request'}, cells(row, 'method'), ' ', cells(row, 'path')),
      make('td', {}, cells(row, 'client')), make('td', {}, cells(row, 'rule')), make('td', {class: 'why'}, cells(row, why)),
      make('td', {class: 'number'}, duration(entry.latency)));
  });
  document.querySelector('#entries tbody').replaceChildren(...lines);
  document.getElementById('order').value = order;
  const isSample = data.rows.length < data.entries;
  const condition = asCondition(filters);
  document.getElementById('sample').replaceChildren(
    total === 0 ? 'No entries.' : `Showing ${number(lines.length)} of ${number(sorted.length)}${isSample ? '' : ' entries'}. `,
    ...(isSample ? [`The table has a sample, ${number(data.rows.length)} of ${number(data.entries)} entries: the slowest, significant ones, and others by chance. All counts on this page are of all entries. `] : []),
    ...(condition ? ['The same with icap-report: ', make('code', {}, `--where '${clean(condition).replaceAll("'", "'\\''")}'`)] : []));
  const more = document.getElementById('more');
  more.hidden = sorted.length <= shownRows;
}

function drawAll() {
  if (!drawn) return;
  drawTimeline(document.querySelector('#timeline .drawing'), drawn.bins);
  drawDistribution(document.querySelector('#distribution .drawing'), drawn.latencies);
  drawPercentiles(document.querySelector('#percentiles .drawing'), drawn.bins);
}

function show() {
  const state = readAddress();
  const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.key : null;
  const weights = weigh(data.cells, state.filters);
  const total = sum(weights);
  const latencies = countLatencies(weights);
  const rankings = new Map(data.fields.map((field) => [field.name, rank(data.byName.get(field.name), weights)]));
  const chosen = weigh(data.table, state.filters);
  const rows = data.rows.map((_, row) => row).filter((row) => chosen[row] > 0);
  drawn = {bins: countOverTime(weights, TIME_BINS), latencies};
  showChips(state.filters);
  showTiles(total, latencies, rankings);
  drawAll();
  showSlowest(rows);
  showPanels(total, rankings);
  showTable(rows, total, state.filters, state.order);
  document.getElementById('matching').textContent = `${number(total)} of ${number(data.entries)} entries`;
  if (focused && document.activeElement === document.body) {
    const again = [...document.querySelectorAll('[data-key]')].find((element) => element.dataset.key === focused);
    (again || document.getElementById('filters-title')).focus({preventScroll: true});
  }
  showDetail(state.entry);
  document.documentElement.dataset.ready = 'yes';
}

load().then(() => {
  showAbout();
  show();
  addEventListener('hashchange', () => { shownRows = ROWS; show(); });
  let width = innerWidth;
  addEventListener('resize', () => {
    if (innerWidth !== width) requestAnimationFrame(drawAll);
    width = innerWidth;
  });
  document.getElementById('clear').addEventListener('click', () => writeAddress({...readAddress(), filters: []}));
  document.getElementById('order').addEventListener('change', (event) => writeAddress({...readAddress(), order: event.target.value}));
  document.getElementById('more').addEventListener('click', () => { shownRows += ROWS; show(); });
  document.getElementById('detail').addEventListener('cancel', (event) => { event.preventDefault(); closeDetail(); });
}).catch((fault) => {
  document.getElementById('matching').textContent = `The data cannot be read: ${fault.message}`;
});

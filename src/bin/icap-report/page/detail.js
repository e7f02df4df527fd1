// One entry: its facts, each transaction on a time axis, and its JSON.

function closeDetail() {
  const state = readAddress();
  state.entry = null;
  writeAddress(state);
}

function openDetail(row) {
  const state = readAddress();
  state.entry = row;
  writeAddress(state);
}

// A field's values of an entry, as buttons that filter.
function valuesOf(row, name) {
  const field = data.byName.get(name);
  return field.sets[data.table.codes[field.place][row]].map((value) => field.values[value]);
}

function filterButton(name, value, key) {
  return make('button', {type: 'button', class: 'link', 'data-key': key, title: `Only ${labelOf(name)} ${wordsOf(name, value)}`, onclick: () => addFilter(name, value)}, wordsOf(name, value));
}

function facts(pairs) {
  return make('dl', {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))));
}

function textOf(value) {
  if (value === null || value === undefined) return '';
  if (typeof value === 'object') return clean(value.val !== undefined ? textOf(value.val) : JSON.stringify(value));
  return clean(value);
}

function listOf(value) {
  return Array.isArray(value) ? value.filter((item) => item !== null && typeof item === 'object') : [];
}

function latencyOf(transaction) {
  const ms = Number(transaction.latency);
  return Number.isFinite(ms) && ms >= 0 ? ms : 0;
}

// Where each transaction begins: after the one before it; parts of one message stand side by side, for they are scanned so.
function axisOf(transactions) {
  let start = 0, end = 0;
  return transactions.map((transaction, i) => {
    const together = i > 0 && transaction.part && transactions[i - 1].part;
    if (!together) start = end;
    const item = {transaction, from: start, to: start + latencyOf(transaction)};
    end = Math.max(end, item.to);
    return item;
  });
}

function drawTransactions(place, transactions, whole) {
  const items = axisOf(transactions);
  const most = Math.max(1, whole || 0, ...items.map((item) => item.to));
  const width = Math.max(260, place.clientWidth), left = 8, right = width - 8, row = 38;
  const bottom = 8 + items.length * row;
  const svg = draw('svg', {viewBox: `0 0 ${width} ${bottom + 26}`, width, height: bottom + 26, role: 'img',
    'aria-label': items.map((item, i) => `${i + 1}. ${textOf(item.transaction.icap_method)} ${duration(item.from)} to ${duration(item.to)}`).join('; ')});
  const x = (ms) => left + ms / most * (right - left);
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(draw('line', {x1: x(most * share), x2: x(most * share), y1: 4, y2: bottom, class: 'grid'}),
      draw('text', {x: x(most * share), y: bottom + 18, class: `axis ${share === 0 ? '' : share === 1 ? 'end' : 'middle'}`}, duration(most * share)));
  }
  items.forEach((item, i) => {
    const y = 8 + i * row;
    const name = [`${i + 1}.`, textOf(item.transaction.icap_method).replace('ICAP_METHOD_', ''), textOf(item.transaction.action), item.transaction.part ? textOf(item.transaction.part.file_name || item.transaction.part.name) : '', duration(latencyOf(item.transaction))].filter(Boolean).join(' ');
    const start = x(item.from), end = (right - start) < 230;
    svg.append(draw('text', {x: end ? right : start, y: y + 10, class: end ? 'axis strong end' : 'axis strong'}, name),
      draw('rect', {x: start, y: y + 15, width: Math.max(2, x(item.to) - start), height: 12, rx: 2, class: outcomeClass(item.transaction.action)}));
  });
  if (whole) {
    svg.append(draw('line', {x1: x(whole), x2: x(whole), y1: 4, y2: bottom, class: 'whole'}, draw('title', {}, `whole request: ${duration(whole)}`)));
  }
  place.replaceChildren(svg);
}

function transactionSection(transaction, i) {
  const headers = (title, text) => text ? make('details', {open: true}, make('summary', {}, title), make('pre', {}, clean(String(text)).replace(/\ufffd\n|\r\n/g, '\n'))) : null;
  const violations = listOf(transaction.violations);
  const part = transaction.part && typeof transaction.part === 'object' ? [textOf(transaction.part.name), textOf(transaction.part.file_name)].filter(Boolean).join(': ') : '';
  const server = [textOf(transaction.icap_server_ip), textOf(transaction.icap_server_port)].filter(Boolean).join(':');
  return make('section', {class: 'transaction'}, make('h4', {}, `${i + 1}. ${textOf(transaction.icap_method) || 'Transaction'}`),
    facts([
      ['Outcome', textOf(transaction.action)], ['Reason', textOf(transaction.reason)], ['Threat', textOf(transaction.threat_id)],
      ['Part', part], ['Profile', textOf(transaction.profile)], ['ICAP status', textOf(transaction.icap_response_code)],
      ['HTTP status from the server', textOf(transaction.http_response_code)], ['HTTP method', textOf(transaction.http_method)],
      ['Service', textOf(transaction.icap_absolute_uri)], ['Server', server], ['Pool', textOf(transaction.pool_name)],
      ['Pool UUID', textOf(transaction.pool_uuid)], ['Vendor', textOf(transaction.vendor)], ['Latency', textOf(transaction.latency) && `${textOf(transaction.latency)} ms`],
      ['Whole body sent', textOf(transaction.complete_body_sent)], ['Changed length', textOf(transaction.modified_content_length)],
      ['Streamed', [textOf(transaction.streamed), transaction.streamed_bytes ? `${textOf(transaction.streamed_bytes)} bytes` : ''].filter(Boolean).join(', ')],
    ]),
    violations.length ? make('div', {class: 'scroll'}, make('table', {}, make('thead', {}, make('tr', {}, ['File', 'Threat', 'Resolution'].map((name) => make('th', {scope: 'col'}, name)))),
      make('tbody', {}, violations.map((v) => make('tr', {}, [v.file_name, v.threat_name, v.resolution].map((value) => make('td', {}, textOf(value)))))))) : null,
    headers('Headers sent to the server', transaction.icap_headers_sent_to_server),
    headers('Headers received from the server', transaction.icap_headers_received_from_server));
}

function showDetail(row) {
  const dialog = document.getElementById('detail');
  if (row === null) {
    if (dialog.open) dialog.close();
    return;
  }
  const entry = data.rows[row];
  const log = entry.log ? JSON.parse(entry.log) : null;
  const transactions = log ? listOf(log.request_logs) : [];
  const all = (name) => valuesOf(row, name).map((value) => filterButton(name, value, `detail ${name} ${value}`));
  const axis = make('div', {class: 'drawing'});
  dialog.replaceChildren(
    make('div', {class: 'bar'}, make('h3', {id: 'detail-title'}, `Entry of line ${number(entry.line)}`),
      make('button', {type: 'button', id: 'close', onclick: closeDetail}, 'Close')),
    make('div', {class: 'sides'},
      make('div', {},
        facts([
          ['Time (UTC)', entry.time === null ? '' : moment(entry.time)], ['Outcome', all('action')], ['Significance', all('significance')],
          ['Rule', all('rule')], ['Profile', all('profile')], ['Enforcement', all('enforcement')], ['Threat', all('threat')], ['Reason', all('reason')],
          ['Request', all('method')], ['Path', entry.path ? clean(entry.path) : ''], ['Only this path', all('path')], ['Host', all('host')],
          ['Client', all('client')], ['HTTP status', all('status')], ['Whole request', entry.duration === null || entry.duration === undefined ? '' : duration(entry.duration)],
        ]),
        transactions.length ? make('div', {}, make('h4', {}, 'ICAP transactions'), axis,
          make('p', {class: 'small'}, 'The log has lengths and the order: each begins where the one before it ends, parts of one message side by side. The dashed line is the end of the whole request.')) : make('p', {class: 'empty'}, log ? 'Not scanned: there was no ICAP transaction.' : 'No icap_log: the filter never saw this request.'),
        transactions.map(transactionSection)),
      make('div', {class: 'raw'},
        log ? [make('h4', {}, 'icap_log'), make('pre', {tabindex: '0', 'aria-label': 'icap_log as JSON'}, clean(JSON.stringify(log, null, 2)))] : null,
        make('details', {open: !log}, make('summary', {}, 'The line'), make('pre', {class: 'wrap'}, clean(entry.text))))));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  if (transactions.length) drawTransactions(axis, transactions, entry.duration);
}

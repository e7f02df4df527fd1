// The filters, and the page's address that holds them: #action=ICAP_BLOCKED&not.rule=scan&latency=100..200&entry=3

const RANGES = ['latency', 'time'];

function rangeOf(name, value) {
  const ends = value.split('..');
  if (ends.length !== 2) return null;
  const read = name === 'time' ? (text) => Date.parse(text) : (text) => text === '' ? Infinity : Number(text);
  const [from, to] = ends.map(read);
  return Number.isFinite(from) && !Number.isNaN(to) ? {from, to} : null;
}

function readAddress() {
  const state = {filters: [], entry: null, order: 'newest'};
  for (const [key, value] of new URLSearchParams(location.hash.slice(1))) {
    const not = key.startsWith('not.');
    const name = not ? key.slice(4) : key;
    if (key === 'entry') {
      state.entry = /^\d+$/.test(value) && Number(value) < data.rows.length ? Number(value) : null;
    } else if (key === 'order') {
      if (['newest', 'oldest', 'slowest'].includes(value)) state.order = value;
    } else if (RANGES.includes(name)) {
      const range = rangeOf(name, value);
      if (range) state.filters.push({name, value, not, ...range});
    } else if (data.byName.has(name)) {
      state.filters.push({name, value, not});
    }
  }
  return state;
}

function writeAddress(state) {
  const words = new URLSearchParams();
  for (const filter of state.filters) words.append((filter.not ? 'not.' : '') + filter.name, filter.value);
  if (state.order !== 'newest') words.append('order', state.order);
  if (state.entry !== null) words.append('entry', state.entry);
  const hash = '#' + words;
  if (hash !== (location.hash || '#')) location.hash = hash;
}

function addFilter(name, value) {
  const state = readAddress();
  state.entry = null;
  state.filters = state.filters.filter((f) => f.name !== name || (!RANGES.includes(name) && f.value !== value) || (RANGES.includes(name) && f.not));
  state.filters.push({name, value, not: false});
  writeAddress(state);
}

function labelOf(name) {
  return {latency: 'Latency', time: 'Time'}[name] || data.byName.get(name).label;
}

function wordsOf(name, value) {
  if (name === 'latency') {
    const [from, to] = value.split('..');
    return to === '' ? `from ${duration(Number(from))} on` : `${duration(Number(from))} to ${duration(Number(to))}`;
  }
  if (name === 'time') return value.split('..').map((text) => moment(Date.parse(text))).join(' to ');
  return value === '' ? '(none)' : clean(value);
}

// The filters as icap-report's own condition. The time is not among them: --since and --until are.
function asCondition(filters) {
  const quote = (value) => value.includes('"') ? `'${value}'` : `"${value}"`;
  const one = (filter) => {
    if (filter.name === 'latency') {
      return filter.to === Infinity ? `latency>=${filter.from}` : `(latency>=${filter.from} and latency<${filter.to})`;
    }
    return `${filter.name}=${quote(filter.value)}`;
  };
  const groups = new Map();
  for (const filter of filters.filter((f) => f.name !== 'time')) {
    const key = filter.not ? `not ${filter.name} ${filter.value}` : filter.name;
    groups.set(key, [...(groups.get(key) || []), filter]);
  }
  return [...groups.values()].map((group) => {
    const text = group.map(one).join(' or ');
    if (group[0].not) return `not ${text}`;
    return group.length > 1 ? `(${text})` : text;
  }).join(' and ');
}

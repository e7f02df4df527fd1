// The data: unpacked, and counted under a set of filters.

const MISSING_LATENCY = 255;
const MISSING_PIECE = 65535;
let data = null;

function decodeBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function load() {
  const element = document.getElementById('data');
  const packed = decodeBase64(element.textContent);
  element.remove();
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  data = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const kinds = {1: Uint8Array, 2: Uint16Array, 4: Uint32Array};
  for (const table of [data.cells, data.table]) {
    const columns = table.columns.map(([at, width]) => {
      const from = 4 + length + at;
      return new kinds[width](buffer.slice(from, from + width * table.rows));
    });
    table.count = columns.pop();
    table.latency = columns.pop();
    table.piece = columns.pop();
    table.codes = columns;
  }
  data.byName = new Map(data.fields.map((field, place) => [field.name, {...field, place}]));
}

// What each code of a field means for the filters on it: 1 where they let it pass.
function passing(field, filters) {
  const here = filters.filter((filter) => filter.name === field.name);
  if (here.length === 0) return null;
  const has = (set, value) => value === '' ? set.length === 0 : set.some((v) => field.values[v] === value);
  const wanted = here.filter((filter) => !filter.not);
  const unwanted = here.filter((filter) => filter.not);
  return Uint8Array.from(field.sets, (set) =>
    (wanted.length === 0 || wanted.some((f) => has(set, f.value))) && !unwanted.some((f) => has(set, f.value)) ? 1 : 0);
}

// The same for numbers, of which a filter names a range: 1 for each class or piece that lies in it.
function passingRange(name, size, lower, filters) {
  const here = filters.filter((filter) => filter.name === name);
  if (here.length === 0) return null;
  const pass = new Uint8Array(size + 1);  // The last one stands for what is missing.
  for (let i = 0; i <= size; i++) {
    const inside = (f) => i < size && lower(i) >= f.from && lower(i) < f.to;
    const wanted = here.filter((f) => !f.not);
    pass[i] = (wanted.length === 0 || wanted.some(inside)) && !here.some((f) => f.not && inside(f)) ? 1 : 0;
  }
  return pass;
}

// How often each row counts under the filters.
function weigh(table, filters) {
  const weights = Uint32Array.from(table.count);
  const apply = (column, pass, missing) => {
    if (pass === null) return;
    const last = pass.length - 1;
    for (let i = 0; i < weights.length; i++) {
      const code = column[i] === missing ? last : column[i];
      if (pass[code] !== 1) weights[i] = 0;
    }
  };
  for (const field of data.byName.values()) apply(table.codes[field.place], passing(field, filters), -1);
  apply(table.latency, passingRange('latency', data.edges.length, (i) => data.edges[i], filters), MISSING_LATENCY);
  const time = data.time;
  if (time) {
    apply(table.piece, passingRange('time', time.count, (i) => time.start + i * time.step, filters), MISSING_PIECE);
  }
  return weights;
}

function sum(weights) {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i];
  return total;
}

// The values of a field, the most frequent first; '' stands for none, and comes last.
function rank(field, weights) {
  const codes = data.cells.codes[field.place];
  const byCode = new Float64Array(field.sets.length);
  for (let i = 0; i < weights.length; i++) byCode[codes[i]] += weights[i];
  const byValue = new Float64Array(field.values.length);
  let none = 0;
  byCode.forEach((count, code) => {
    if (field.sets[code].length === 0) none += count;
    for (const value of field.sets[code]) byValue[value] += count;
  });
  const ranking = field.values.map((value, i) => ({value, count: byValue[i]})).filter((item) => item.count > 0);
  ranking.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
  if (none > 0) ranking.push({value: '', count: none});
  return ranking;
}

function countLatencies(weights) {
  const counts = new Float64Array(256);
  for (let i = 0; i < weights.length; i++) counts[data.cells.latency[i]] += weights[i];
  return counts.subarray(0, data.edges.length);
}

// The upper end of the class in which that share of the scans has ended.
function percentile(counts, share) {
  const total = counts.reduce((a, b) => a + b, 0);
  if (total === 0) return null;
  let left = Math.max(1, Math.ceil(total * share));
  for (let i = 0; i < counts.length; i++) {
    left -= counts[i];
    if (left <= 0) return i + 1 < data.edges.length ? Math.max(data.edges[i], data.edges[i + 1] - 1) : data.edges[i];
  }
  return null;
}

// What the pictures over time need: so many bins over what the filters leave, each with its outcomes and latencies.
function countOverTime(weights, most) {
  const {time, cells} = data;
  if (!time) return null;
  let first = time.count, last = -1;
  for (let i = 0; i < weights.length; i++) {
    const piece = cells.piece[i];
    if (weights[i] === 0 || piece === MISSING_PIECE) continue;
    if (piece < first) first = piece;
    if (piece > last) last = piece;
  }
  if (last < 0) return null;
  const size = Math.ceil((last - first + 1) / most);
  const action = data.byName.get('action');
  const outcomes = cells.codes[action.place];
  const bins = Array.from({length: Math.ceil((last - first + 1) / size)}, (_, i) => ({
    from: time.start + (first + i * size) * time.step,
    to: time.start + (first + (i + 1) * size) * time.step,
    outcomes: new Float64Array(action.sets.length),
    latencies: new Float64Array(256),
  }));
  for (let i = 0; i < weights.length; i++) {
    const piece = cells.piece[i];
    if (weights[i] === 0 || piece === MISSING_PIECE) continue;
    const bin = bins[Math.floor((piece - first) / size)];
    bin.outcomes[outcomes[i]] += weights[i];
    bin.latencies[cells.latency[i]] += weights[i];
  }
  for (const bin of bins) {
    bin.outcomes = action.values.map((value, v) => ({
      value, count: action.sets.reduce((n, set, code) => n + (set.includes(v) ? bin.outcomes[code] : 0), 0),
    }));
    bin.latencies = bin.latencies.subarray(0, data.edges.length);
  }
  return bins;
}

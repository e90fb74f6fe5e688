// Reads the columns that packed_columns.py wrote.
function unpack(column, rows) {
  const values = column.values;
  const found = new Uint16Array(rows);
  const width = column.bits;
  if (width === 0) return found.fill(values.length ? values[0] : 0);
  const text = atob(column.data);
  if (width === 16) {
    for (let row = 0; row < rows; row++) {
      found[row] = values[text.charCodeAt(2 * row) | (text.charCodeAt(2 * row + 1) << 8)];
    }
    return found;
  }
  const mask = (1 << width) - 1;
  const perByte = 8 / width;
  for (let row = 0; row < rows; row++) {
    const byte = text.charCodeAt(Math.floor(row / perByte));
    found[row] = values[(byte >> (8 - width * (row % perByte + 1))) & mask];
  }
  return found;
}

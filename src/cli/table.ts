/** Columns as wide as their widest cell; numbers to the right. */
export function table(
  headers: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
): string {
  if (rows.length === 0) return 'none'
  const cells = rows.map(row => row.map(cell => (cell === null ? '-' : String(cell))))
  const widths = headers.map((header, i) => Math.max(header.length, ...cells.map(row => row[i]!.length)))
  const right = headers.map((_, i) => rows.every(row => typeof row[i] === 'number' || row[i] === null))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (right[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  return [line(headers), ...cells.map(line)].join('\n')
}

/** Name and value, one below the other. */
export function sheet(entries: readonly (readonly [string, string | number | null])[]): string {
  const width = Math.max(...entries.map(([name]) => name.length))
  return entries.map(([name, value]) => `${name.padEnd(width)}  ${value ?? '-'}`).join('\n')
}

// Domain by age: how warm a cell is. Colour never stands alone, the number is in the cell.

import type { QueueShape } from '../../api/types'

/** Warmth from 0 (none) to 5 (most). It grows with the logarithm: one stuck message must be seen beside ten thousand. */
export function warmth(count: number, most: number): 0 | 1 | 2 | 3 | 4 | 5 {
  if (count <= 0) return 0
  if (most <= 1) return 1
  const share = Math.log(count) / Math.log(most)
  return (1 + Math.min(4, Math.floor(share * 4 + 1e-9))) as 1 | 2 | 3 | 4 | 5
}

/** The largest count of a shape. */
export function mostOf(shape: QueueShape): number {
  return shape.rows.reduce((most, row) => row.counts.reduce((a, b) => Math.max(a, b), most), 0)
}

/** The sum of each column. */
export function totals(shape: QueueShape): number[] {
  const columns = shape.rows.reduce((most, row) => Math.max(most, row.counts.length), shape.ages.length)
  return Array.from({ length: columns }, (_, at) => shape.rows.reduce((sum, row) => sum + (row.counts[at] ?? 0), 0))
}

/** Where the column of an age begins and ends, in seconds; the last has no end. */
export function columnAge(shape: QueueShape, column: number): { from: number; to: number | null } {
  const from = column === 0 ? 0 : (shape.ages[column - 1] ?? 0)
  return { from, to: shape.ages[column] ?? null }
}

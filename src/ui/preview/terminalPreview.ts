import { canDraw } from '../canDraw.js'
import { type PreviewForm, previewForm } from './previewForm.js'

/** How pictures are shown on stdout, and how much room there is. */
export type TerminalPreview = { form: PreviewForm; screen: { columns: number; rows: number } }

/** The preview on stdout: `none` unless a person reads it on a terminal that can be drawn on. */
export function terminalPreview({ interactive }: { interactive: boolean }): TerminalPreview {
  const { columns = 0, rows = 0 } = process.stdout
  const form = interactive && canDraw(process.stdout, process.env) ? previewForm(process.env) : 'none'
  return { form, screen: { columns, rows } }
}

import { formatBytes } from '../base/byteSize.js'
import { countOf } from './formatModels.js'
import { openStepView } from './stepView.js'

type PullEvent =
  | { event: 'waiting'; model: string }
  | { event: 'planned'; model: string; files: number; bytes: number; missingBytes: number }
  | { event: 'removed'; model: string; bytes: number }
  | { event: 'progress'; model: string; file: string; bytes: number; totalBytes: number }
  | { event: 'file'; model: string; file: string; bytes: number }
  | { event: 'retry'; model: string; file: string; reason: string; delayMs: number }

/** Shows a model as it is fetched: a bar on a terminal, lines elsewhere, nothing beside a JSON document. */
export type PullView = {
  show(event: PullEvent): void
  done(report: { fetchedBytes: number; dryRun: boolean }): void
  /** @param text why, where no error says it. */
  fail(text?: string): void
  close(): Promise<void>
}

/** Terminals are redrawn this often, and files get a line this often. */
const LIVE_EVERY_MS = 200
const LINE_EVERY_MS = 5_000
const BAR_WIDTH = 24

/** Opens the view of one model. */
export async function openPullView({
  json,
  now,
  title,
}: {
  json: boolean
  now(): number
  title: string
}): Promise<PullView> {
  const view = await openStepView({ json, now, steps: [{ id: 'pull', title }] })
  const every = process.stderr.isTTY === true ? LIVE_EVERY_MS : LINE_EVERY_MS
  let shownAt = 0
  let startedAt = now()
  let startBytes = 0
  let noted = false
  const note = (text: string) => {
    noted = true
    view.note('pull', text)
  }
  return {
    show(event) {
      switch (event.event) {
        case 'waiting':
          note('another process fetches it; waiting')
          break
        case 'planned':
          startedAt = now()
          shownAt = startedAt
          startBytes = event.bytes - event.missingBytes
          if (event.missingBytes > 0) {
            note(`${countOf(event.files)}, ${formatBytes(event.missingBytes)} of ${formatBytes(event.bytes)} to fetch`)
          }
          break
        case 'removed':
          note(`${event.model} removed to make room, ${formatBytes(event.bytes)}`)
          break
        case 'retry':
          note(`${event.file}: the server ${event.reason}; again in ${Math.ceil(event.delayMs / 1000)} s`)
          break
        case 'progress': {
          if (now() - shownAt < every) break
          shownAt = now()
          const seconds = (shownAt - startedAt) / 1000
          note(progressText(event, seconds > 0 ? (event.bytes - startBytes) / seconds : 0))
          break
        }
        default:
      }
    },
    done({ fetchedBytes, dryRun }) {
      view.done('pull', dryRun ? undefined : fetchedBytes === 0 ? 'all there' : formatBytes(fetchedBytes))
    },
    // What failed before it began is said by the error alone.
    fail: (text) => {
      if (noted) view.fail(text)
    },
    close: () => view.close(),
  }
}

/** E.g. `[======------] 48 % of 3.4 GB, 25 MB/s, unet/model.onnx_data`. */
export function progressText(
  { bytes, totalBytes, file }: { bytes: number; totalBytes: number; file: string },
  bytesPerSecond: number,
): string {
  const share = totalBytes === 0 ? 1 : Math.min(1, Math.max(0, bytes / totalBytes))
  const full = Math.floor(share * BAR_WIDTH)
  const bar = `[${'='.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}]`
  return `${bar} ${Math.floor(share * 100)} % of ${formatBytes(totalBytes)}, ${formatBytes(Math.max(0, Math.round(bytesPerSecond)))}/s, ${file}`
}

import { formatTable } from './formatTable.js'

type DeviceRow = { device: string; gpu: string | null; memoryMb: number | null; available: boolean; reason?: string }

/** Devices as a table, with what could not be asked below it. */
export function formatDevices({ devices, notes }: { devices: readonly DeviceRow[]; notes: readonly string[] }): string {
  const table = formatTable(devices, [
    { title: 'device', value: ({ device }) => device },
    { title: 'usable', value: ({ available }) => (available ? 'yes' : 'no') },
    { title: 'gpu', value: ({ gpu }) => gpu ?? '' },
    { title: 'memory', value: ({ memoryMb }) => (memoryMb === null ? '' : `${memoryMb} MB`), align: 'right' },
    { title: 'reason', value: ({ reason = '' }) => reason },
  ])
  return [table, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')
}
